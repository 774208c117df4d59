// SPDX-License-Identifier: GPL-2.0-or-later
#include "user_stack.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "../../kmod/bridge.h"
#include "../image/store.h"
#include "record.h"

/* Bytes below the stack pointer that belong to the function that runs (System V ABI, AMD64
 * supplement, 3.2.2: the red zone). */
enum { RED_ZONE = 128 };

/* What the walker's reads are answered from; @later: some of them from what the process has now;
 * @below: from below its stack pointer. */
struct memory {
	pid_t pid;
	const struct maps *maps;
	uint64_t sp;
	const struct record_sample *s;
	bool later;
	bool below;
};

static int read_process(pid_t pid, uint64_t addr, uint64_t *val)
{
	struct iovec to = {val, sizeof(*val)};
	struct iovec from = {(void *)addr, sizeof(*val)};

	return process_vm_readv(pid, &to, 1, &from, 1, 0) == sizeof(*val) ? 0 : -EFAULT;
}

int user_code_read(pid_t pid, const struct maps *maps, uint64_t addr, uint64_t *val)
{
	int64_t i = maps_find(maps, addr);
	const struct kpprof_map *map;

	if (i < 0)
		return -ENOENT;
	map = &maps->walk[i];
	if (maps->images[i])
		return image_read_code(maps->images[i], addr - map->start + map->offset, val);
	return read_process(pid, addr, val);
}

static int read_memory(void *ctx, __u64 addr, __u64 *val)
{
	struct memory *m = ctx;
	uint64_t at = addr - m->sp, got = 0;
	bool below;
	int err;

	if (at < m->s->stack_len && m->s->stack_len - at >= sizeof(*val)) {
		memcpy(val, m->s->stack + at, sizeof(*val));
		return 0;
	}
	err = user_code_read(m->pid, m->maps, addr, &got);
	if (err != -ENOENT) {
		*val = got;
		return err;
	}
	/*
	 * A copy that is shorter than asked for ended where the stack ends, or at a page of it that
	 * is not in memory: in a large array, nobody may have written to that yet. Who called the
	 * function that has the array is likely to be there still. Of the red zone perf copies
	 * nothing; loops of OpenSSL's for AVX2 keep the address of their caller's frame there.
	 */
	below = addr < m->sp && m->sp - addr <= RED_ZONE;
	if (!below && (addr < m->sp || m->s->stack_len >= m->s->stack_asked))
		return -ENODATA;
	m->below = m->below || below;
	err = read_process(m->pid, addr, &got);
	if (!err) {
		*val = got;
		m->later = true;
	}
	return err;
}

/* A caller that was found through the red zone must have called. */
static unsigned int check_below(struct kpprof_walk *walk, const __u64 *pcs, unsigned int n)
{
	__u64 to;

	if (n < 2 || kpprof_call_before(walk, pcs[1] + 1, &to) != KPPROF_CALL_NONE)
		return n;
	walk->end = KPPROF_END_NOT_DUMPED;
	return 1;
}

unsigned int user_stack_walk(struct image_store *store, pid_t pid, struct maps *maps,
			     const struct record_sample *s, __u64 *pcs, unsigned int max,
			     struct kpprof_walk *walk, struct image **awaited)
{
	struct memory m = {.pid = pid, .maps = maps, .sp = s->regs[KPPROF_REG_SP], .s = s};
	unsigned int n;

	*walk = (struct kpprof_walk){.ip = s->user_ip, .read = read_memory, .ctx = &m};
	*awaited = NULL;
	/* Registers that are all zero belong to a process in execve(): its new program has not
	 * begun. */
	if (s->abi == PERF_SAMPLE_REGS_ABI_NONE || (!s->user_ip && !s->regs[KPPROF_REG_SP])) {
		walk->end = KPPROF_END_NO_REGS;
		return 0;
	}
	if (s->abi != PERF_SAMPLE_REGS_ABI_64 || !maps) {
		walk->end = maps ? KPPROF_END_ABI : KPPROF_END_NO_MAPPING;
		pcs[0] = s->user_ip;
		return 1;
	}
	maps_refresh(store, maps);
	walk->maps = maps->walk;
	walk->nmaps = maps->n;
	walk->memo = maps_memo(maps);
	memcpy(walk->regs, s->regs, sizeof(walk->regs));
	n = kpprof_walk(walk, pcs, max);
	if (m.below)
		n = check_below(walk, pcs, n);
	walk->guesses += m.later;
	if (walk->end == KPPROF_END_PENDING)
		*awaited = maps->images[walk->end_map];
	return n;
}
