// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory grows where a page is touched for the first time, whoever reserved it: so page faults are
 * what is sampled, by perf's own count of them, and by bytes because pages are of one size. What a
 * fault in a huge page brought is that whole page, told by the physical addresses.
 */
#include "growth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../engine/clock.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "../image/maps.h"
#include "bpf.h"
#include "samples.h"
#include "watch.h"

enum {
	RING_BYTES = 2 << 20,
	PAGE_SHIFT = 12,
	PAGE_BYTES = 1 << PAGE_SHIFT,
	HUGE_PAGES = 512,
	MAPS_TEXT_MAX = 64 << 20,
	DUMP_BYTES = 16 << 10,
	MEMBERS_MAX = 4096,
};

/* The mappings of a process are read again when an address is not among them, but not sooner. */
#define MAPS_AGE_NS (200 * NSEC_PER_MSEC)

/* proc_pid_pagemap(5) */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PFN	((1ull << 55) - 1)

/* One mapping, and whether what is new in it is the process's own memory. */
struct range {
	uint64_t start;
	uint64_t end;
	bool own;
};

/**
 * struct growth - see growth.h
 * @pid: the process that was looked at last, with its mappings: @ranges, of @read_at
 * @members: BPF map of processes; -1 without bpf(2)
 * @nmembers: how many the map has
 * @nrings: rings that have the program
 * @program: lets the records of those pass
 */
struct growth {
	pid_t pid;
	uint64_t read_at;
	struct buf ranges;
	int members;
	size_t nmembers;
	size_t nrings;
	int program;
};

static int open_pagemap(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int read_ranges(struct growth *g, pid_t pid)
{
	_cleanup_buf_ struct buf text = {0};
	char *line, *rest;
	int err = proc_read(pid, "maps", MAPS_TEXT_MAX, &text);

	g->ranges.len = 0;
	g->pid = pid;
	g->read_at = loop_now();
	if (err)
		return err;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *rights = strchr(line, ' ');
		bool private = rights && strlen(rights) > 4 && rights[4] == 'p';
		struct map_entry e;

		if (maps_line_parse(line, &e) < 0)
			continue;
		buf_append(
			&g->ranges,
			&(struct range){.start = e.start, .end = e.end, .own = private && !e.ino},
			sizeof(struct range));
	}
	return g->ranges.error;
}

static const struct range *find_range(const struct growth *g, uint64_t addr)
{
	const struct range *r = (const struct range *)(const void *)g->ranges.data;
	size_t lo = 0, hi = g->ranges.len / sizeof(*r);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->ranges.len / sizeof(*r) && addr >= r[lo].start ? &r[lo] : NULL;
}

/* Whether an address is in anonymous memory of the process. */
static bool is_own(struct growth *g, pid_t pid, uint64_t addr)
{
	const struct range *r = g->pid == pid ? find_range(g, addr) : NULL;

	if (!r && (g->pid != pid || loop_now() > g->read_at + MAPS_AGE_NS)) {
		read_ranges(g, pid);
		r = find_range(g, addr);
	}
	/* What was mapped just now is hardly ever a file that is written to at once. */
	return !r || r->own;
}

/* Bytes of the page that a fault at @addr brought: 512 pages in a row, on a boundary, are one. */
static uint64_t page_bytes(pid_t pid, uint64_t addr)
{
	_cleanup_close_ int fd = open_pagemap(pid);
	uint64_t first = (addr >> PAGE_SHIFT) & ~(uint64_t)(HUGE_PAGES - 1), entries[HUGE_PAGES];

	if (fd < 0 || pread(fd, entries, sizeof(entries), (off_t)(first * sizeof(*entries))) !=
			      sizeof(entries))
		return PAGE_BYTES;
	for (unsigned int i = 0; i < HUGE_PAGES; i++) {
		uint64_t frame = entries[i] & PAGEMAP_PFN;

		if (!(entries[i] & PAGEMAP_PRESENT) || !frame || frame % HUGE_PAGES != i ||
		    frame - i != (entries[0] & PAGEMAP_PFN))
			return PAGE_BYTES;
	}
	return (uint64_t)PAGE_BYTES * HUGE_PAGES;
}

/* Faults to a sample. */
static uint64_t period(const struct heap_watch *w)
{
	return w->rate > PAGE_BYTES ? w->rate >> PAGE_SHIFT : 1;
}

/* One page of one process; the numbers of both fit. */
static uint64_t number_of(pid_t pid, uint64_t addr)
{
	return (uint64_t)pid << 40 ^ addr >> PAGE_SHIFT;
}

static void fault(struct heap_watch *w, const struct record *r)
{
	uint64_t addr = r->sample.addr, number = number_of(r->pid, addr);
	struct block *b;

	if (!members_has(&w->members, r->pid) || !is_own(w->pages, r->pid, addr))
		return;
	/* Touched for the first time again: it was gone meanwhile. */
	b = blocks_find(&w->blocks, number);
	if (b && !(b->flags & BLOCK_COUNTED))
		return;
	if (b)
		heap_watch_freed(w, b);
	b = blocks_add(&w->blocks, number);
	if (!b) {
		w->lost++;
		return;
	}
	b->ptr = addr;
	b->size = page_bytes(r->pid, addr);
	b->count = (double)period(w);
	b->flags = BLOCK_PLACED;
	heap_watch_take(w, r, b);
}

static void handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct heap_watch *w = owner;
	struct record r;

	if (record_parse_fault(header, &r))
		return;
	if (r.type == PERF_RECORD_SAMPLE)
		fault(w, &r);
	else if (r.type == PERF_RECORD_LOST || r.type == PERF_RECORD_LOST_SAMPLES)
		heap_watch_lost(w, event_set_told(ring->set, r.lost));
}

/*
 * Faults of all processes are counted, and every so many is a sample. Those of others are dropped
 * in the kernel; where that cannot be had, the agent does so.
 */
static void make_filter(struct growth *g)
{
	struct bpf_code c = {0};

	g->program = -1;
	g->members = bpf_map_create(BPF_MAP_TYPE_HASH, 4, 4, MEMBERS_MAX, "kpprof_members");
	if (g->members < 0)
		return;
	bpf_call(&c, BPF_FUNC_get_current_pid_tgid);
	bpf_emit(&c, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32);
	bpf_emit(&c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, -4, 0);
	bpf_load_map(&c, BPF_REG_1, g->members);
	bpf_move(&c, BPF_REG_2, BPF_REG_10);
	bpf_add(&c, BPF_REG_2, -4);
	bpf_call(&c, BPF_FUNC_map_lookup_elem);
	bpf_end_if(&c, BPF_JEQ, BPF_REG_0, 0);
	bpf_return(&c, 1);
	g->program = bpf_load_program(&c, BPF_PROG_TYPE_PERF_EVENT, "kpprof_growth");
}

/* Members that came since, and CPUs; of the whole box all is wanted. Nothing is done without need:
 * see bpf_map_create(). */
static void update_filter(struct heap_watch *w)
{
	struct growth *g = w->pages;
	const uint32_t yes = 1;
	size_t rings = 0;

	if (g->program < 0 || w->target.kind == TARGET_BOX)
		return;
	for (; g->nmembers < w->members.n; g->nmembers++) {
		const uint32_t pid = (uint32_t)w->members.pids[g->nmembers];

		bpf_map_update(g->members, &pid, &yes);
	}
	for (struct cpu_ring *r = w->set->rings; r; r = r->next)
		rings++;
	/* It is refused where it is already. */
	for (struct cpu_ring *r = rings == g->nrings ? NULL : w->set->rings; r; r = r->next)
		ioctl(r->fds[0], PERF_EVENT_IOC_SET_BPF, g->program);
	g->nrings = rings;
}

int growth_open(struct heap_watch *w)
{
	uint32_t dump = dump_bytes_get();
	const struct event_spec spec = {
		.attr =
			{
				.type = PERF_TYPE_SOFTWARE,
				.config = PERF_COUNT_SW_PAGE_FAULTS,
				.sample_type = RECORD_FAULT_TYPE,
				.sample_regs_user = record_regs_mask,
				.sample_stack_user = dump < DUMP_BYTES ? dump : DUMP_BYTES,
				.sample_period = w->rate > PAGE_BYTES ? w->rate >> PAGE_SHIFT : 1,
			},
	};

	int err;

	w->pages = calloc(1, sizeof(*w->pages));
	if (!w->pages)
		return -ENOMEM;
	make_filter(w->pages);
	w->started = loop_now();
	err = engine_set_open(w->engine, &spec, 1, RING_BYTES, handle, w, &w->set);
	if (!err)
		update_filter(w);
	return err;
}

struct check {
	struct heap_watch *watch;
	pid_t pid;
	int fd;
};

static void check_one(void *ctx, struct block *b)
{
	struct check *c = ctx;
	uint64_t entry = 0;

	if (b->pid != c->pid) {
		cleanup_close_(&c->fd);
		c->fd = open_pagemap(b->pid);
		c->pid = b->pid;
	}
	/* A process that is gone keeps what it had: the profile is of what it was. */
	if (c->fd < 0 || !(b->flags & BLOCK_COUNTED) ||
	    pread(c->fd, &entry, sizeof(entry), (off_t)((b->ptr >> PAGE_SHIFT) * sizeof(entry))) !=
		    sizeof(entry))
		return;
	if (!(entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)))
		heap_watch_freed(c->watch, b);
}

void growth_check(struct heap_watch *w)
{
	struct check c = {.watch = w, .fd = -1};

	update_filter(w);
	blocks_each(&w->blocks, check_one, &c);
	cleanup_close_(&c.fd);
}

void growth_close(struct heap_watch *w)
{
	if (!w->pages)
		return;
	buf_deinit(&w->pages->ranges);
	cleanup_close_(&w->pages->program);
	cleanup_close_(&w->pages->members);
	free(w->pages);
	w->pages = NULL;
}
