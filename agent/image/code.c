// SPDX-License-Identifier: GPL-2.0-or-later
#include "code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

/* The place of each page is given by its file and number; another one takes it. */
struct code_page {
	uint32_t id;
	uint32_t len;
	uint64_t number;
	unsigned char bytes[PAGE];
};

static struct code_page *page_of(struct code_pages *c, uint32_t id, int fd, uint64_t number)
{
	struct code_page *p = &c->pages[(id * 31 + number) % PAGES];
	ssize_t n;

	if (p->len && p->id == id && p->number == number)
		return p;
	n = pread(fd, p->bytes, PAGE, (off_t)(number * PAGE));
	p->id = id;
	p->number = number;
	p->len = n > 0 ? (uint32_t)n : 0;
	return p;
}

int code_read(struct code_pages *c, uint32_t id, int fd, uint64_t offset, uint64_t *val)
{
	unsigned char out[sizeof(*val)];
	size_t done = 0;

	if (offset > INT64_MAX - PAGE)
		return -EFAULT;
	if (!c->pages)
		c->pages = calloc(PAGES, sizeof(struct code_page));
	if (!c->pages)
		return -ENOMEM;
	while (done < sizeof(out)) {
		uint64_t at = offset + done;
		const struct code_page *p = page_of(c, id, fd, at / PAGE);
		size_t n = sizeof(out) - done;

		if (at % PAGE >= p->len)
			return -EFAULT;
		if (n > p->len - at % PAGE)
			n = p->len - at % PAGE;
		memcpy(out + done, p->bytes + at % PAGE, n);
		done += n;
	}
	memcpy(val, out, sizeof(*val));
	return 0;
}

void code_deinit(struct code_pages *c)
{
	free(c->pages);
	c->pages = NULL;
}
