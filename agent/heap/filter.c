// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "bpf.h"
#include "filter_maps.h"

/* Threads that are inside of a sampled call. */
enum { PENDING_MAX = 16384 };

static double random_unit(void)
{
	uint64_t r = 0;

	/* Any number will do where there is no entropy yet. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = 0x9e3779b97f4a7c15u;
	return ((double)(r >> 11) + 0.5) / 9007199254740992.0;
}

void heap_gaps_fill(uint64_t gaps[HEAP_GAPS], uint64_t rate)
{
	double sum = 0;

	for (uint32_t i = 0; i < HEAP_GAPS; i++)
		sum += -log((i + 0.5) / HEAP_GAPS);
	for (uint32_t i = 0; i < HEAP_GAPS; i++) {
		double gap = -log((i + 0.5) / HEAP_GAPS) * HEAP_GAPS / sum * (double)rate;

		gaps[i] = gap < 1 ? 1 : (uint64_t)(gap + 0.5);
	}
}

/* CPUs that may ever be there. */
static unsigned int possible_cpus(void)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	char line[256];
	const char *last;

	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	last = line + strcspn(line, "\n");
	while (last > line && last[-1] >= '0' && last[-1] <= '9')
		last--;
	return (unsigned int)strtoul(last, NULL, 10) + 1;
}

static void *map_array(int fd, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static size_t whole_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static int fill_gaps(const struct heap_filter *f, uint64_t rate)
{
	size_t bytes = whole_pages(HEAP_GAPS * sizeof(uint64_t));
	uint64_t *gaps = map_array(f->gaps, bytes);

	if (!gaps)
		return -errno;
	heap_gaps_fill(gaps, rate);
	munmap(gaps, bytes);
	return 0;
}

/* Each CPU begins somewhere between two samples. */
static int fill_states(struct heap_filter *f, uint64_t rate)
{
	f->mapped = whole_pages(f->ncpus * sizeof(struct state));
	f->states = map_array(f->state, f->mapped);
	if (!f->states)
		return -errno;
	for (unsigned int i = 0; i < f->ncpus; i++)
		f->states[i].left = 1 + (int64_t)(-log(random_unit()) * (double)rate);
	return 0;
}

static int create_maps(struct heap_filter *f)
{
	const struct {
		int *fd;
		enum bpf_map_type type;
		uint32_t key, value, entries;
		const char *name;
	} maps[] = {
		{&f->state, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct state), f->ncpus, "kpprof_state"},
		{&f->gaps, BPF_MAP_TYPE_ARRAY, 4, 8, HEAP_GAPS, "kpprof_gaps"},
		{&f->pending, BPF_MAP_TYPE_LRU_HASH, 8, sizeof(struct pending), PENDING_MAX,
		 "kpprof_pending"},
		{&f->live, BPF_MAP_TYPE_HASH, sizeof(struct live_key), 8, HEAP_LIVE_MAX,
		 "kpprof_live"},
		{&f->out_stack, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, f->ncpus, "kpprof_stacks"},
		{&f->out_light, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, f->ncpus, "kpprof_events"},
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		*maps[i].fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(maps) && !err; i++) {
		*maps[i].fd = bpf_map_create(maps[i].type, maps[i].key, maps[i].value,
					     maps[i].entries, maps[i].name);
		err = *maps[i].fd < 0 ? *maps[i].fd : 0;
	}
	return err;
}

int heap_filter_create(uint64_t rate, struct heap_filter **out)
{
	struct heap_filter *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->ncpus = possible_cpus();
	err = create_maps(f);
	if (!err)
		err = fill_gaps(f, rate);
	if (!err)
		err = fill_states(f, rate);
	if (err) {
		heap_filter_destroy(f);
		return err;
	}
	*out = f;
	return 0;
}

void heap_filter_destroy(struct heap_filter *f)
{
	if (!f)
		return;
	if (f->states)
		munmap(f->states, f->mapped);
	cleanup_close_(&f->state);
	cleanup_close_(&f->gaps);
	cleanup_close_(&f->pending);
	cleanup_close_(&f->live);
	cleanup_close_(&f->out_stack);
	cleanup_close_(&f->out_light);
	free(f);
}

int heap_filter_output(struct heap_filter *f, unsigned int cpu, int stack, int light)
{
	const uint32_t key = cpu;
	int err = bpf_map_update(f->out_stack, &key, &stack);

	return err ? err : bpf_map_update(f->out_light, &key, &light);
}

bool heap_filter_has(const struct heap_filter *f, uint64_t ptr, uint64_t tgid, uint64_t seq)
{
	const struct live_key key = {.ptr = ptr, .tgid = tgid};
	uint64_t now;

	return !bpf_map_lookup(f->live, &key, &now) && now == seq;
}

void heap_filter_forget(struct heap_filter *f, uint64_t ptr, uint64_t tgid, uint64_t seq)
{
	const struct live_key key = {.ptr = ptr, .tgid = tgid};

	/* The function that made this call may be a sample itself, and have the same pointer. */
	if (heap_filter_has(f, ptr, tgid, seq))
		bpf_map_delete(f->live, &key);
}

void heap_filter_counts(const struct heap_filter *f, struct heap_counts *out)
{
	*out = (struct heap_counts){0};
	for (unsigned int i = 0; i < f->ncpus; i++) {
		const volatile struct heap_counts *c = &f->states[i].counts;

		out->allocs += c->allocs;
		out->bytes += c->bytes;
		out->frees += c->frees;
		out->overflow += c->overflow;
	}
}
