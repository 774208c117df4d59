// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pure parts of the agent, each on its own: no kernel, no network, no clock in what is
 * measured. Prints "UNITS NANOSECONDS": how many units of work it did in how long; under callgrind,
 * with --toggle-collect=measured, only that work is counted.
 *
 *   parts walk N          unwinds its own stack of 30 frames N times; units are frames
 *   parts rows FILE       makes the unwind rows of FILE; units are rows
 *   parts symbols FILE N  names N places in FILE; units are places
 *   parts write N [FILE]  writes a profile of N samples, 20 frames deep, into FILE too; units are
 *                         bytes before gzip
 *   parts count THREADS IMAGES N
 *                         counts N samples of 15 frames, of so many threads in turn, which are in
 * so many shared objects in turn; units are samples
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <zlib.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/engine/stack.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/maps.h"
#include "../../agent/image/rows.h"
#include "../../agent/image/store.h"
#include "../../agent/image/symbols.h"
#include "../../agent/profile/frames.h"
#include "../../agent/profile/model.h"
#include "../../agent/profile/places.h"
#include "../../agent/profile/proto.h"

#define NOINLINE __attribute__((noinline, noclone))

enum { DEPTH = 30, MAPS = 64, FRAMES = 127, WRITE_DEPTH = 20 };

/* One part: prepared outside, run here. */
struct part {
	uint64_t (*run)(struct part *p);
	struct kpprof_walk walk;
	unsigned long n;
	struct elf_image *img;
	struct symbols *symbols;
	uint64_t *offsets;
	struct profile profile;
	struct buf out;
	struct places places;
	struct maps maps;
	unsigned long threads, images;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* By its name callgrind knows what to count. */
NOINLINE uint64_t measured(struct part *p);
NOINLINE uint64_t measured(struct part *p)
{
	uint64_t units = p->run(p);

	__asm__ volatile("" ::: "memory");
	return units;
}

static int report(struct part *p)
{
	uint64_t from = now_ns(), units = measured(p);

	printf("%" PRIu64 " %" PRIu64 "\n", units, now_ns() - from);
	return 0;
}

/* ---- walk */

static int read_own(void *ctx, __u64 addr, __u64 *val)
{
	(void)ctx;
	memcpy(val, (const void *)(uintptr_t)addr, sizeof(*val));
	return 0;
}

static uint64_t run_walk(struct part *p)
{
	uint64_t frames = 0;

	for (unsigned long i = 0; i < p->n; i++) {
		struct kpprof_walk w = p->walk;
		__u64 pcs[FRAMES];

		frames += kpprof_walk(&w, pcs, FRAMES);
		if (w.end != KPPROF_END_COMPLETE)
			errx(1, "the stack is not whole: %d", (int)w.end);
	}
	return frames;
}

/* The rows of a file; they live as long as the program. */
static const struct kpprof_rows *rows_of(const char *path)
{
	struct kpprof_rows *rows = calloc(1, sizeof(*rows));
	struct buf block = {0};
	struct elf_image *img;
	__u32 *pages;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;

	if (!rows || fd < 0 || elf_image_open(fd, &img))
		errx(1, "cannot open %s", path);
	error = rows_build(img, &block);
	if (!error)
		error = rows_map(block.data, block.len, rows);
	if (error)
		errx(1, "no rows of %s: %s", path, strerror(-error));
	/* As the module does with what is uploaded. */
	pages = calloc(kpprof_rows_pages_max(rows->nrows), sizeof(*pages));
	if (!pages)
		errx(1, "no memory");
	kpprof_rows_index(rows, pages);
	elf_image_close(img);
	close(fd);
	return rows;
}

static uint32_t own_maps(struct kpprof_map *maps)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t cap = 0;
	uint32_t n = 0;

	while (f && n < MAPS && getline(&line, &cap, f) > 0) {
		struct map_entry m;

		line[strcspn(line, "\n")] = '\0';
		if (maps_line_parse(line, &m) != 1 || *m.path != '/')
			continue;
		maps[n++] = (struct kpprof_map){.start = m.start,
						.end = m.end,
						.offset = m.offset,
						.rows = rows_of(m.path)};
	}
	free(line);
	if (f)
		fclose(f);
	return n;
}

NOINLINE static int deep(struct part *p, int depth)
{
	static const int by_dwarf[KPPROF_NREGS] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
		REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	ucontext_t uc;
	int result;

	if (depth) {
		result = deep(p, depth - 1);
		__asm__ volatile("");
		return result;
	}
	getcontext(&uc);
	for (int i = 0; i < KPPROF_NREGS; i++)
		p->walk.regs[i] = (__u64)uc.uc_mcontext.gregs[by_dwarf[i]];
	p->walk.ip = (__u64)uc.uc_mcontext.gregs[REG_RIP];
	return report(p);
}

static int part_walk(unsigned long n)
{
	static struct kpprof_map maps[MAPS];
	static __u64 memo[KPPROF_MEMO_SIZE];
	struct part p = {.run = run_walk, .n = n};

	p.walk.memo = memo;
	p.walk.maps = maps;
	p.walk.nmaps = own_maps(maps);
	p.walk.read = read_own;
	return deep(&p, DEPTH);
}

/* ---- rows, symbols */

static struct elf_image *open_image(const char *path)
{
	struct elf_image *img;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || elf_image_open(fd, &img))
		errx(1, "cannot open %s", path);
	return img;
}

static uint64_t run_rows(struct part *p)
{
	struct kpprof_rows rows;

	if (rows_build(p->img, &p->out) || rows_map(p->out.data, p->out.len, &rows))
		errx(1, "no rows");
	return rows.nrows;
}

static int part_rows(const char *path)
{
	struct part p = {.run = run_rows, .img = open_image(path)};

	return report(&p);
}

static uint64_t run_symbols(struct part *p)
{
	struct names_builder b = {0};

	if (symbols_resolve(p->symbols, "file", p->offsets, p->n, &b) || names_finish(&b, &p->out))
		errx(1, "no names");
	return p->n;
}

static int part_symbols(const char *path, unsigned long n)
{
	struct part p = {.run = run_symbols, .n = n, .img = open_image(path)};
	const struct elf_section *text = elf_section_find(p.img, ".text");

	p.offsets = calloc(n, sizeof(*p.offsets));
	if (!text || !p.offsets || symbols_create(p.img, NULL, &p.symbols))
		errx(1, "no symbols");
	for (unsigned long i = 0; i < n; i++)
		p.offsets[i] = text->offset + text->size / n * i;
	return report(&p);
}

/* ---- write */

/* Bytes of a gzip stream before it was compressed: the last word of it. */
static uint64_t gzip_size(const struct buf *b)
{
	uint32_t size;

	memcpy(&size, b->data + b->len - sizeof(size), sizeof(size));
	return size;
}

static uint64_t run_write(struct part *p)
{
	if (proto_write(&p->profile, &p->out))
		errx(1, "not written");
	return gzip_size(&p->out);
}

static void fill(struct profile *p, unsigned long n)
{
	const struct profile_mapping m = {.start = 0x400000,
					  .limit = 0x800000,
					  .file = (char[]){"/usr/bin/program"},
					  .build_id = (char[]){"0123456789abcdef"},
					  .has_functions = true};
	int64_t mapping = profile_mapping_add(p, &m), file = profile_string(p, "program.c");
	uint32_t random = 1;

	for (unsigned long i = 0; i < n; i++) {
		uint32_t stack[WRITE_DEPTH];
		struct profile_label label = {.key = (uint32_t)profile_string(p, "tid")};

		label.num = (int64_t)(1 + i % 16);
		for (int k = 0; k < WRITE_DEPTH; k++) {
			/* Outer frames are few, inner ones many. */
			uint32_t which = (random = random * 1664525 + 1013904223) >> 8;
			char name[64];
			struct profile_line line;

			which %= 4u << (WRITE_DEPTH - k) / 2;
			stack[k] = (uint32_t)profile_location(p, (uint32_t)mapping,
							      0x400000 + 64 * which + (uint32_t)k);
			snprintf(name, sizeof(name), "function_number_%u_%d", which, k);
			line = (struct profile_line){.name = (uint32_t)profile_string(p, name),
						     .file = (uint32_t)file,
						     .line = (int64_t)(1 + which)};
			profile_name(p, stack[k], &line, 1);
		}
		if (profile_add(p, stack, WRITE_DEPTH, &label, 1, (int64_t[]){1, 10000000}))
			errx(1, "no memory");
	}
}

static void save(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "we");

	if (!f || fwrite(b->data, 1, b->len, f) != b->len || fclose(f))
		err(1, "%s", path);
}

static int part_write(unsigned long n, const char *path)
{
	struct part p = {.run = run_write};

	if (profile_init(&p.profile, 0))
		errx(1, "no memory");
	p.profile.sample_types[0] = (struct profile_value_type){"samples", "count"};
	p.profile.sample_types[1] = (struct profile_value_type){"cpu", "nanoseconds"};
	p.profile.nvalues = 2;
	fill(&p.profile, n);
	report(&p);
	if (path)
		save(path, &p.out);
	return 0;
}

/* ---- count */

static char image_path[] = "/usr/lib/image.so";

enum { COUNT_DEPTH = 15, COUNT_OUTER = 5, IMAGE_BYTES = 0x10000 };

/* The outermost frames are in the first image, as a program's are, and the others in one of the
 * rest. */
static void fill_stack(const struct part *p, unsigned long i, __u64 *user)
{
	unsigned long image = p->images > 1 ? 1 + i % (p->images - 1) : 0;

	for (unsigned int k = 0; k < COUNT_DEPTH; k++) {
		unsigned long in = k < COUNT_DEPTH - COUNT_OUTER ? image : 0;

		user[k] = p->maps.walk[in].start + 0x1000 + 64 * k;
	}
}

static uint64_t run_count(struct part *p)
{
	struct profile_label labels[] = {
		{.key = (uint32_t)profile_string(&p->profile, "thread")},
		{.key = (uint32_t)profile_string(&p->profile, "pid"), .num = 1},
		{.key = (uint32_t)profile_string(&p->profile, "tid")}};
	__u64 user[COUNT_DEPTH];
	uint32_t stack[FRAMES_MAX];
	struct stack s = {.maps = &p->maps, .user = user, .nuser = COUNT_DEPTH};

	for (unsigned long i = 0; i < p->n; i++) {
		int64_t depth;

		fill_stack(p, i, user);
		depth = frames_locate(&p->places, 1, &s, stack);
		labels[0].str = (uint32_t)profile_string(&p->profile, "worker");
		labels[2].num = (int64_t)(1 + i % p->threads);
		if (depth < 0 || profile_add(&p->profile, stack, (unsigned int)depth, labels,
					     ARRAY_SIZE(labels), (int64_t[]){1, 10000000}))
			errx(1, "no memory");
	}
	return p->n;
}

static void fill_maps(struct maps *m, unsigned long n)
{
	*m = (struct maps){.refs = 1, .n = (uint32_t)n};
	m->walk = calloc(n, sizeof(*m->walk));
	m->images = calloc(n, sizeof(struct image *));
	for (unsigned long i = 0; m->walk && m->images && i < n; i++) {
		m->walk[i].start = 0x7f0000000000 + i * 2 * IMAGE_BYTES;
		m->walk[i].end = m->walk[i].start + IMAGE_BYTES;
		m->images[i] = calloc(1, sizeof(struct image));
		if (!m->images[i])
			errx(1, "no memory");
		*m->images[i] = (struct image){.refs = 1, .path = image_path};
	}
}

static int part_count(unsigned long threads, unsigned long images, unsigned long n)
{
	struct part p = {.run = run_count, .n = n, .threads = threads, .images = images};

	if (!threads || !images || profile_init(&p.profile, 0))
		errx(1, "no threads, no images, or no memory");
	p.profile.nvalues = 2;
	places_init(&p.places, &p.profile);
	fill_maps(&p.maps, images);
	return report(&p);
}

static unsigned long number(const char *text)
{
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *part = argc > 2 ? argv[1] : "";
	unsigned long n = number(argv[argc > 2 ? argc - 1 : 0]);

	if (strcmp(part, "walk") == 0)
		return part_walk(n);
	if (strcmp(part, "rows") == 0)
		return part_rows(argv[2]);
	if (strcmp(part, "symbols") == 0 && n)
		return part_symbols(argv[2], n);
	if (strcmp(part, "write") == 0)
		return part_write(number(argv[2]), argc > 3 ? argv[3] : NULL);
	if (strcmp(part, "count") == 0 && argc == 5)
		return part_count(number(argv[2]), number(argv[3]), n);
	errx(2, "usage: parts walk N | rows FILE | symbols FILE N | write N [FILE] | "
		"count THREADS IMAGES N");
}
