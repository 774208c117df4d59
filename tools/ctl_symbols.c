// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../agent/base/cleanup.h"
#include "../agent/image/elf.h"
#include "../agent/image/symbols.h"
#include "ctl_profile.h"

enum { OPEN_MAX_DIRS = 32 };

/* What there is for a mapping: @path has code, and @debug has none and needs one that has. */
struct found {
	struct ctl_mapping *mapping;
	char path[PATH_MAX];
	char debug[PATH_MAX];
};

/* nftw() has no argument of the caller's. */
static struct ctl_profile *wanted;
static struct buf finds; /* struct found */

static struct found *find_of(const struct ctl_mapping *m)
{
	struct found *f = (void *)finds.data;

	for (size_t i = 0; i < finds.len / sizeof(*f); i++)
		if (f[i].mapping == m)
			return &f[i];
	return NULL;
}

/* Segments of a debug file have lost their place in the file. */
static bool has_code(const struct elf_image *img)
{
	const struct elf_section *text = elf_section_find(img, ".text");

	return text && text->type != SHT_NOBITS;
}

static bool has_symbols(const struct elf_image *img)
{
	return elf_section_find(img, ".symtab") || elf_section_find(img, ".debug_info");
}

/* A file that has all is better than one that is stripped, and that helps a debug file. */
static void note(struct ctl_mapping *m, const struct elf_image *img, const char *path)
{
	struct found *f = find_of(m), new = {.mapping = m};

	if (!f) {
		buf_append(&finds, &new, sizeof(new));
		f = find_of(m);
	}
	if (!f)
		return;
	if (!has_code(img))
		snprintf(f->debug, sizeof(f->debug), "%s", path);
	else if (!*f->path || has_symbols(img))
		snprintf(f->path, sizeof(f->path), "%s", path);
}

static void hex(const struct elf_image *img, char *out)
{
	for (size_t i = 0; i < img->build_id_len; i++)
		sprintf(out + 2 * i, "%02x", img->build_id[i]);
	out[2 * img->build_id_len] = '\0';
}

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char id[2 * ELF_BUILD_ID_MAX + 1];
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_close_ int fd = -1;
	struct ctl_mapping *m;
	size_t n;

	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || elf_image_open(fd, &img) || !img->build_id_len)
		return 0;
	hex(img, id);
	m = ctl_profile_mappings(wanted, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(m[i].build_id, id) == 0)
			note(&m[i], img, path);
	return buf_error(&finds);
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_elf(const char *path, int *fd, struct elf_image **img)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : elf_image_open(*fd, img);
}

/* Names all locations of a mapping with what was found for it. */
static int name_mapping(const struct found *f)
{
	_cleanup_close_ int fd = -1, debug_fd = -1;
	_cleanup_elf_ struct elf_image *img = NULL, *debug = NULL;
	struct ctl_mapping *m = f->mapping;
	struct names_builder names = {0};
	struct symbols *symbols = NULL;
	int err = *f->path ? open_elf(f->path, &fd, &img) : -ENOEXEC;

	if (!err && *f->debug && open_elf(f->debug, &debug_fd, &debug))
		debug = NULL;
	if (!err)
		err = symbols_create(img, debug, &symbols);
	if (!err)
		err = symbols_resolve(symbols, basename_of(m->file), (const void *)m->offsets.data,
				      m->offsets.len / sizeof(uint64_t), &names);
	/* A stripped file knows no more than the box did. */
	if (!err && names.flags & NAMES_INVENTED)
		err = -ENODATA;
	if (!err)
		err = names_finish(&names, &m->names);
	names_builder_deinit(&names);
	symbols_destroy(symbols);
	return err;
}

/* DIR/BUILDID/NAME, where google/pprof looks first. */
static int link_file(const char *dir, const struct found *f)
{
	char to[PATH_MAX + 512], real[PATH_MAX];
	const char *file = *f->debug ? f->debug : f->path;

	snprintf(to, sizeof(to), "%s/%s", dir, f->mapping->build_id);
	if ((mkdir(dir, 0777) < 0 && errno != EEXIST) || (mkdir(to, 0777) < 0 && errno != EEXIST))
		return -errno;
	snprintf(to, sizeof(to), "%s/%s/%s", dir, f->mapping->build_id,
		 basename_of(f->mapping->file));
	if (!realpath(file, real) || (unlink(to) < 0 && errno != ENOENT) || symlink(real, to) < 0)
		return -errno;
	return 0;
}

static void print(const struct ctl_mapping *m, const char *what)
{
	printf("%-40s %-40s %s\n", m->file, *m->build_id ? m->build_id : "-", what);
}

static void do_mapping(struct ctl_mapping *m, const char *path)
{
	const struct found *f = find_of(m);
	char text[PATH_MAX + 64];
	int err;

	if (!f) {
		print(m, m->named ? "named on the box" : "no file with this build ID");
		return;
	}
	err = m->offsets.len ? name_mapping(f) : 0;
	if (!err && path)
		err = link_file(path, f);
	if (!*f->path)
		snprintf(text, sizeof(text), "%s: a debug file; its stripped program is not there",
			 f->debug);
	else
		snprintf(text, sizeof(text), "%s%s%s", f->path, err ? ": " : "",
			 err == -ENODATA ? "stripped"
			 : err		 ? strerror(-err)
					 : "");
	print(m, text);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "kpprofctl: %s: %s\n", what,
		err == -EBADMSG ? "no profile that can be read" : strerror(-err));
	return err;
}

int ctl_symbols(const char *profile, const char *tree, const char *output, const char *path)
{
	struct ctl_profile p = {0};
	struct ctl_mapping *m;
	size_t n;
	int err = ctl_profile_load(&p, profile);

	if (err) {
		ctl_profile_deinit(&p);
		return fail(profile, err);
	}
	wanted = &p;
	errno = 0;
	if (nftw(tree, look_at, OPEN_MAX_DIRS, FTW_PHYS))
		err = errno ? -errno : -ENOMEM;
	m = ctl_profile_mappings(&p, &n);
	for (size_t i = 0; !err && i < n; i++)
		if (*m[i].file == '/' && m[i].file[1] != '/')
			do_mapping(&m[i], path);
	if (err)
		fail(tree, err);
	else if ((err = ctl_profile_save(&p, output)))
		fail(output, err);
	buf_deinit(&finds);
	ctl_profile_deinit(&p);
	return err;
}
