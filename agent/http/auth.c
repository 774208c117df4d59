// SPDX-License-Identifier: GPL-2.0-or-later
#include "auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"

enum { FILE_MAX = 64 << 10 };

/* The value of a digit of base64, RFC 4648; 64 and more for other bytes. */
static unsigned int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (unsigned int)(at - digits) : 64;
}

/* Returns how many bytes, or -EINVAL. */
static int decode(const char *s, char *out, size_t size)
{
	unsigned int bits = 0, nbits = 0;
	size_t n = 0;

	for (; digit(*s) < 64; s++) {
		bits = (bits << 6 | digit(*s)) & 0xffff;
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		if (n == size)
			return -EINVAL;
		out[n++] = (char)(bits >> nbits & 0xff);
	}
	/* What is left must be padding: no digit's worth of bits, and at most two signs. */
	if (nbits >= 6 || s[strspn(s, "=")] || strspn(s, "=") > 2)
		return -EINVAL;
	return (int)n;
}

int auth_parse(const char *header, struct auth *out)
{
	static const char scheme[] = "Basic ";
	char text[AUTH_NAME_MAX + AUTH_PASSWORD_MAX];
	const char *colon;
	size_t name, password;
	int len;

	memset(out, 0, sizeof(*out));
	if (!header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return -ENOENT;
	header += sizeof(scheme) - 1;
	len = decode(header + strspn(header, " "), text, sizeof(text));
	if (len < 0 || memchr(text, '\0', (size_t)len))
		return -EINVAL;
	colon = memchr(text, ':', (size_t)len);
	if (!colon)
		return -EINVAL;
	name = (size_t)(colon - text);
	password = (size_t)len - name - 1;
	if (name >= sizeof(out->name) || password >= sizeof(out->password))
		return -EINVAL;
	memcpy(out->name, text, name);
	memcpy(out->password, colon + 1, password);
	return 0;
}

/* Without a branch or an end that depends on the bytes. */
static unsigned int differs(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= x[i] ^ y[i];
	return bits;
}

/* One line of the file, which is no secret's own length: lines that are none give an empty pair. */
static bool take_line(const char *line, size_t len, struct auth *out)
{
	const char *colon = memchr(line, ':', len);
	size_t name = colon ? (size_t)(colon - line) : 0;
	size_t password = colon ? len - name - 1 : 0;

	memset(out, 0, sizeof(*out));
	/* A NUL would make a longer name equal to a shorter one. */
	if (!colon || !name || line[0] == '#' || name >= sizeof(out->name) ||
	    password >= sizeof(out->password) || !password || memchr(line, '\0', len))
		return false;
	memcpy(out->name, line, name);
	memcpy(out->password, colon + 1, password);
	return true;
}

bool auth_check(const char *text, size_t len, const struct auth *auth)
{
	unsigned int found = 0;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		struct auth pair;
		bool is_pair = take_line(text, n && text[n - 1] == '\r' ? n - 1 : n, &pair);

		found |= (differs(&pair, auth, sizeof(pair)) == 0) & is_pair;
		text += n + (end ? 1 : 0);
		len -= n + (end ? 1 : 0);
	}
	return found;
}

static const char *refuse_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "it belongs to somebody else";
	if (st.st_mode & 077)
		return "others may read or write it: chmod 600";
	return NULL;
}

int auth_file_check(const char *path, const struct auth *auth, bool *ok, const char **why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_buf_ struct buf text = {.max = FILE_MAX};
	int err;

	*ok = false;
	*why = fd < 0 ? strerror(errno) : refuse_file(fd);
	if (*why)
		return fd < 0 ? -errno : -EPERM;
	err = buf_read_fd(&text, fd);
	if (err)
		*why = err == -EFBIG ? "it is too long" : strerror(-err);
	else if (auth)
		*ok = auth_check(text.data ? text.data : "", text.len, auth);
	if (text.data)
		explicit_bzero(text.data, text.len);
	return err;
}
