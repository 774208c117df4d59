// SPDX-License-Identifier: GPL-2.0-or-later
#include "linkmap.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../engine/find.h"
#include "../image/maps.h"

/* More than any program has, and an end for a list that goes round. */
enum { FILES_MAX = 4096, DYNAMIC_MAX = 256, PHDRS_MAX = 64, MAPS_TEXT_MAX = 64 << 20 };

static int read_target(pid_t pid, uint64_t addr, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)addr, n};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

static int read_auxv(pid_t pid, uint64_t *phdr, uint64_t *phnum)
{
	_cleanup_buf_ struct buf b = {0};
	int err = proc_read(pid, "auxv", 16384, &b);

	*phdr = *phnum = 0;
	for (size_t at = 0; !err && at + sizeof(Elf64_auxv_t) <= b.len;
	     at += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t a;

		memcpy(&a, b.data + at, sizeof(a));
		if (a.a_type == AT_PHDR)
			*phdr = a.a_un.a_val;
		if (a.a_type == AT_PHNUM)
			*phnum = a.a_un.a_val;
	}
	return err ? err : *phdr && *phnum && *phnum <= PHDRS_MAX ? 0 : -ENOENT;
}

/* The program's dynamic section; @linked: it asks for a dynamic linker. */
static int find_dynamic(pid_t pid, uint64_t *addr, bool *linked)
{
	uint64_t at, n, bias = 0, dynamic = 0;
	Elf64_Phdr ph[PHDRS_MAX];
	int err = read_auxv(pid, &at, &n);

	if (!err)
		err = read_target(pid, at, ph, n * sizeof(*ph));
	for (uint64_t i = 0; i < n && !err; i++) {
		if (ph[i].p_type == PT_PHDR)
			bias = at - ph[i].p_vaddr;
		if (ph[i].p_type == PT_DYNAMIC)
			dynamic = ph[i].p_vaddr;
		*linked |= ph[i].p_type == PT_INTERP;
	}
	*addr = dynamic + bias;
	return err ? err : dynamic ? 0 : -ENOENT;
}

/* Where struct r_debug is; 0 as long as the dynamic linker has not said it. */
static int find_debug(pid_t pid, uint64_t dynamic, uint64_t *addr)
{
	for (unsigned int i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn d;

		if (read_target(pid, dynamic + i * sizeof(d), &d, sizeof(d)))
			return -EFAULT;
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_DEBUG) {
			*addr = d.d_un.d_ptr;
			return 0;
		}
	}
	return -ENOENT;
}

/* The file that is mapped at an address, from the text of /proc/PID/maps. */
static bool file_at(const struct buf *entries, uint64_t addr, struct linkmap_file *out)
{
	const struct map_entry *e = (const struct map_entry *)(const void *)entries->data;

	for (size_t i = 0; i < entries->len / sizeof(*e); i++)
		if (addr >= e[i].start && addr < e[i].end && e[i].ino) {
			*out = (struct linkmap_file){.dev = e[i].dev, .ino = e[i].ino};
			return true;
		}
	return false;
}

/* All file mappings; their paths are not kept. */
static int read_entries(pid_t pid, struct buf *entries)
{
	_cleanup_buf_ struct buf text = {0};
	char *line, *rest;
	int err = proc_read(pid, "maps", MAPS_TEXT_MAX, &text);

	if (err)
		return err;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct map_entry e;

		if (maps_line_parse(line, &e) < 0 || !e.ino)
			continue;
		e.path = NULL;
		buf_append(entries, &e, sizeof(e));
	}
	return entries->error;
}

int linkmap_read(pid_t pid, struct buf *out)
{
	_cleanup_buf_ struct buf entries = {0};
	uint64_t dynamic, debug, next;
	bool linked = false;
	struct r_debug r;
	int err = find_dynamic(pid, &dynamic, &linked);

	if (!err)
		err = find_debug(pid, dynamic, &debug);
	if (!err)
		err = debug ? read_target(pid, debug, &r, sizeof(r)) : -ENOENT;
	if (!err)
		err = read_entries(pid, &entries);
	if (err)
		return err;
	next = (uint64_t)r.r_map;
	for (unsigned int i = 0; next && i < FILES_MAX; i++) {
		struct linkmap_file file;
		struct link_map m;

		if (read_target(pid, next, &m, sizeof(m)))
			return -EFAULT;
		if (file_at(&entries, (uint64_t)m.l_ld, &file))
			buf_append(out, &file, sizeof(file));
		next = (uint64_t)m.l_next;
	}
	return out->error;
}

int linkmap_program(pid_t pid, struct linkmap_file *out)
{
	struct stat st;
	char path[32];

	*out = (struct linkmap_file){0};
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st))
		return -errno;
	*out = (struct linkmap_file){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

bool linkmap_is_loading(pid_t pid)
{
	uint64_t phdr, phnum, dynamic, debug;
	struct linkmap_file program;
	bool linked = false;
	struct r_debug r;

	/* execve(2) puts the program in place first, and its auxiliary vector last. */
	if (read_auxv(pid, &phdr, &phnum))
		return !linkmap_program(pid, &program);
	if (find_dynamic(pid, &dynamic, &linked) || !linked || find_debug(pid, dynamic, &debug))
		return false;
	if (!debug)
		return true;
	/* glibc begins with its version, musl ends with it */
	return !read_target(pid, debug, &r, sizeof(r)) &&
	       (!r.r_version || !r.r_map || r.r_state != RT_CONSISTENT);
}
