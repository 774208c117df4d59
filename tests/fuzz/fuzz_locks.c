// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first byte chooses what the rest is: 0, the memory of a target behind the argument of its
 * futex; 1, /proc/locks; 2, a line of a table of sockets; 3, a wait-for graph.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/locks/filelocks.h"
#include "../../agent/locks/graph.h"
#include "../../agent/locks/lock.h"
#include "../../agent/locks/park.h"
#include "../../agent/locks/sockets.h"
#include "../../agent/threads/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x100000 };

static const uint8_t *memory;
static size_t memory_size;

static int read_memory(const struct space *s, uint64_t addr, void *out, size_t n)
{
	(void)s;
	if (addr < BASE || addr - BASE > memory_size || n > memory_size - (addr - BASE))
		return -EFAULT;
	memcpy(out, memory + (addr - BASE), n);
	return 0;
}

static bool is_thread(const struct space *s, pid_t tid)
{
	(void)s;
	return tid > 0 && tid % 2;
}

static int leads_back(void *ctx, pid_t owner)
{
	(void)ctx;
	return owner % 3;
}

static void check_lock(const struct lock *l)
{
	if (!l->kind || l->type >= LOCK_TYPES_N || !lock_reason(l->type) || !lock_name(l->type) ||
	    (l->holder == HOLDER_THREAD && (l->owner <= 0 || l->owner > LOCK_TID_MASK)))
		abort();
}

static void use_memory(const uint8_t *data, size_t size)
{
	const struct space s = {.read = read_memory, .thread = is_thread};
	struct dump_thread t = {.sp = BASE};
	struct lock l = {.kind = ""};
	struct futex_wait w = {0};
	uint16_t head[2];
	uint32_t val;

	if (size < 8)
		return;
	memcpy(head, data, sizeof(head));
	memcpy(&val, data + 4, sizeof(val));
	memory = data + 8;
	memory_size = size - 8;
	w.addr = BASE + head[0] % 1024;
	w.shared = head[1] & 1;
	w.pi = head[1] & 2;
	w.timed = head[1] & 4;
	/* As often as not the word that is there, or nothing would ever be recognized. */
	w.val = val;
	if (!(head[1] & 8))
		space_word(&s, w.addr, &w.val);
	lock_read(&s, &w, head[1] & 16 ? BASE : 0, &l);
	check_lock(&l);
	if (park_find(&s, &t, leads_back, NULL, &l))
		check_lock(&l);
}

static void use_text(const uint8_t *data, size_t size, bool sockets)
{
	_cleanup_free_ char *text = malloc(size + 1);
	_cleanup_buf_ struct buf locks = {0};
	char out[128];

	memcpy(text, data, size);
	text[size] = '\0';
	if (sockets) {
		sockets_line("tcp", text, 7, out, sizeof(out));
		sockets_line("udp6", text, 7, out, sizeof(out));
		sockets_line("unix", text, 7, out, sizeof(out));
		return;
	}
	file_locks_parse(text, &locks);
	file_locks_blocker(&locks, LOCK_FLOCK, 7, 0);
	file_locks_blocker(&locks, LOCK_OFD, 0, 7);
}

/* Whoever is stuck waits for nobody who is not. */
static void check_graph(const struct graph_node *nodes, const struct graph *g)
{
	uint32_t members = 0, behind = 0, stuck = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		if (!g->stuck[i])
			continue;
		stuck++;
		if (g->group[i] >= g->ngroups || nodes[i].by == RELEASE_FREE ||
		    (nodes[i].by == RELEASE_THREAD && !g->stuck[nodes[i].owner]))
			abort();
		for (uint32_t k = 0; nodes[i].by == RELEASE_PROCESS && k < g->n; k++)
			if (nodes[k].process == nodes[i].owner && !g->stuck[k] && !nodes[k].idle &&
			    nodes[k].by != RELEASE_DEAD)
				abort();
	}
	for (uint32_t k = 0; k < g->ngroups; k++) {
		members += g->groups[k].n;
		behind += g->groups[k].behind;
	}
	if (members + behind != stuck || members != g->nmembers)
		abort();
}

static void use_graph(const uint8_t *data, size_t size)
{
	uint32_t n = size / 3 < 64 ? (uint32_t)(size / 3) : 64, nprocesses = 4;
	_cleanup_(graph_deinit) struct graph g = {0};
	struct graph_node nodes[64];
	bool seen[4] = {false};

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *at = data + 3 * (size_t)i;

		nodes[i].process = at[0] % nprocesses;
		nodes[i].by = (enum graph_release)(at[1] % (RELEASE_DEAD + 1));
		nodes[i].idle = nodes[i].by == RELEASE_FREE && at[1] & 0x80;
		seen[nodes[i].process] = true;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *at = data + 3 * (size_t)i;

		nodes[i].owner = at[2] % (nodes[i].by == RELEASE_PROCESS ? nprocesses : n);
		/* A process without threads holds nothing. */
		if (nodes[i].by == RELEASE_PROCESS && !seen[nodes[i].owner])
			nodes[i].by = RELEASE_FREE;
	}
	if (graph_solve(nodes, n, nprocesses, true, &g))
		abort();
	check_graph(nodes, &g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		use_memory(data + 1, size - 1);
		break;
	case 1:
	case 2:
		use_text(data + 1, size - 1, data[0] % 4 == 2);
		break;
	default:
		use_graph(data + 1, size - 1);
	}
	return 0;
}
