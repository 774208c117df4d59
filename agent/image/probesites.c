// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A graph of the function's instructions, with the ways between them. Direct jumps out of the
 * function are followed as well: a part that the compiler moved elsewhere, or a tail call, of which
 * the function's result is the result. From each return the result is then followed against the
 * flow through copies, until an instruction that the kernel emulates, or the one that made the
 * value, is met.
 */
#include "probesites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/hash.h"
#include "elf.h"
#include "fdes.h"
#include "insn.h"
#include "plt.h"

enum {
	NODES_MAX = 8192,
	SLOTS = 4 * NODES_MAX,
	NO_NODE = -1,
	/* Steps of one backward search; each is a node and a register. */
	STEPS_MAX = 16384,
	/* Instructions in front of the entry's probe. */
	ENTRY_MAX = 12,
};

struct node {
	uint64_t offset;
	struct insn insn;
	int next;      /* after it, or NO_NODE */
	int target;    /* of its jump, or NO_NODE */
	int32_t depth; /* see struct probe_site */
	int first_pred;
};

/* One way into a node; all ways into one are a list. */
struct pred {
	int node;
	int next;
};

struct graph {
	const struct probe_function *f;
	struct node *nodes;
	struct pred *preds;
	int *slots; /* hash table of offsets: node + 1 */
	int n;
	int npreds;
	bool complete;
	bool depths; /* all ways to each node have the same depth */
};

/* The wanted value before a node: register plus constant. */
struct state {
	int node;
	uint8_t reg;
	int64_t add;
};

static void graph_deinit(struct graph *g)
{
	free(g->nodes);
	free(g->preds);
	free(g->slots);
}

static int *slot_of(const struct graph *g, uint64_t offset)
{
	uint64_t at = hash_u64(offset) >> 32;

	for (;; at++) {
		int *slot = &g->slots[at % SLOTS];

		if (!*slot || g->nodes[*slot - 1].offset == offset)
			return slot;
	}
}

static int decode_at(const struct graph *g, uint64_t offset, struct insn *out)
{
	uint8_t code[INSN_BYTES_MAX];
	size_t n = sizeof(code);

	if (offset >= g->f->img->size)
		return -EILSEQ;
	if (n > g->f->img->size - offset)
		n = g->f->img->size - offset;
	if (elf_read_at(g->f->img, offset, code, n))
		return -EILSEQ;
	return insn_decode(code, n, out);
}

/* The node at an offset, made when it is new; NO_NODE when there is no code. -E2BIG. */
static int node_at(struct graph *g, uint64_t offset, int *out)
{
	int *slot = slot_of(g, offset);
	struct node *n;

	*out = NO_NODE;
	if (*slot) {
		*out = *slot - 1;
		return 0;
	}
	if (g->n == NODES_MAX)
		return -E2BIG;
	n = &g->nodes[g->n];
	*n = (struct node){
		.offset = offset, .next = NO_NODE, .target = NO_NODE, .first_pred = NO_NODE};
	if (decode_at(g, offset, &n->insn)) {
		g->complete = false;
		return 0;
	}
	*slot = ++g->n;
	*out = g->n - 1;
	return 0;
}

/* How deep the stack is behind an instruction. */
static int32_t depth_behind(const struct node *n)
{
	return n->depth < 0 || n->insn.moves ? -1 : n->depth + n->insn.push;
}

static void add_pred(struct graph *g, int node, int pred)
{
	if (node == NO_NODE)
		return;
	if (g->nodes[node].first_pred == NO_NODE && node)
		g->nodes[node].depth = depth_behind(&g->nodes[pred]);
	else if (g->nodes[node].depth != depth_behind(&g->nodes[pred]))
		g->depths = false;
	g->preds[g->npreds] = (struct pred){.node = pred, .next = g->nodes[node].first_pred};
	g->nodes[node].first_pred = g->npreds++;
}

static bool goes_on(enum insn_flow flow)
{
	return flow == FLOW_NEXT || flow == FLOW_BRANCH || flow == FLOW_CALL;
}

/* What the compiler puts between functions. */
static bool is_padding(const struct graph *g, uint64_t offset)
{
	uint8_t code[4];

	return elf_read_at(g->f->img, offset, code, sizeof(code)) || code[0] == 0x90 ||
	       code[0] == 0xcc || memcmp(code, "\x66\x90", 2) == 0 ||
	       memcmp(code, "\x0f\x1f", 2) == 0 || memcmp(code, "\x66\x0f\x1f", 3) == 0 ||
	       memcmp(code, "\x66\x2e\x0f\x1f", 4) == 0;
}

/*
 * Whether the code at @to is another function's: a call that does not return may stand at the very
 * end of one. Where that is not known, padding behind a call is taken for an end.
 */
static bool falls_out(const struct graph *g, const struct node *from, uint64_t to)
{
	const struct cfi_fde *fde = NULL;
	uint64_t vaddr;

	if (from->offset >= g->f->start && from->offset < g->f->end)
		return to >= g->f->end;
	if (elf_offset_to_vaddr(g->f->img, from->offset, &vaddr))
		fde = fdes_find(g->f->fdes, vaddr);
	if (fde)
		return vaddr + (to - from->offset) >= fde->end;
	return from->insn.flow == FLOW_CALL && is_padding(g, to);
}

static bool is_outside(const struct graph *g, uint64_t offset)
{
	return offset < g->f->start || offset >= g->f->end;
}

static void add_leave(const struct graph *g, uint64_t to, struct probe_sites *out)
{
	uint32_t i = 0;

	while (i < out->nleaves && out->leaves[i] != to)
		i++;
	if (i == out->nleaves && i < PROBE_LEAVES_MAX && is_outside(g, to))
		out->leaves[out->nleaves++] = to;
}

/* Where an unconditional jump leads; false for one through a pointer that is not known. */
static bool jump_target(const struct graph *g, const struct node *n, uint64_t *to)
{
	uint64_t vaddr, function;

	if (n->insn.flow == FLOW_JUMP) {
		*to = n->offset + (uint64_t)n->insn.target;
		return true;
	}
	return n->insn.flow == FLOW_INDIRECT && n->insn.slot &&
	       elf_offset_to_vaddr(g->f->img, n->offset, &vaddr) &&
	       plt_find(g->f->slots, vaddr + (uint64_t)n->insn.slot, &function) &&
	       elf_vaddr_to_offset(g->f->img, function, to);
}

/* The ways on from one node. */
static int add_ways(struct graph *g, int i, struct probe_sites *out)
{
	struct insn in = g->nodes[i].insn;
	uint64_t at = g->nodes[i].offset, target;
	int to = NO_NODE, err = 0;

	if (goes_on(in.flow) && !falls_out(g, &g->nodes[i], at + in.len)) {
		err = node_at(g, at + in.len, &to);
		g->nodes[i].next = to;
		add_pred(g, to, i);
	}
	if (err)
		return err;
	if (in.flow == FLOW_BRANCH)
		target = at + (uint64_t)in.target;
	else if (!jump_target(g, &g->nodes[i], &target)) {
		g->complete &= in.flow != FLOW_INDIRECT;
		return 0;
	}
	err = node_at(g, target, &to);
	g->nodes[i].target = to;
	add_pred(g, to, i);
	if (in.flow != FLOW_BRANCH)
		add_leave(g, target, out);
	return err;
}

/* Nodes are looked at in the order in which they were made: all that can be reached. */
static int graph_build(struct graph *g, struct probe_sites *out)
{
	int first, err = node_at(g, g->f->start, &first);

	if (err || first == NO_NODE)
		return err ? err : -EILSEQ;
	for (int i = 0; i < g->n && !err; i++) {
		if (g->nodes[i].insn.flow == FLOW_RETURN)
			out->nreturns++;
		err = add_ways(g, i, out);
	}
	return err;
}

static int graph_init(struct graph *g, const struct probe_function *f)
{
	*g = (struct graph){.f = f, .complete = true, .depths = true};
	g->nodes = calloc(NODES_MAX, sizeof(*g->nodes));
	g->preds = calloc(2 * NODES_MAX, sizeof(*g->preds));
	g->slots = calloc(SLOTS, sizeof(*g->slots));
	return g->nodes && g->preds && g->slots ? 0 : -ENOMEM;
}

/*
 * The first instruction that the kernel emulates, as long as there is one way only, and no argument
 * register has changed; else the function's first.
 */
static void find_entry(const struct graph *g, struct probe_site *out)
{
	int32_t pushed = 0;
	int i = 0;

	*out = (struct probe_site){.offset = g->nodes[0].offset, .reg = REG_SP, .stepped = true};
	for (int steps = 0; steps < ENTRY_MAX && i != NO_NODE; steps++) {
		const struct node *n = &g->nodes[i];
		/* Only the way from above may lead here: a loop would count twice. */
		int ways = 0;

		for (int p = n->first_pred; p >= 0; p = g->preds[p].next)
			ways++;
		if (ways > (i ? 1 : 0))
			return;
		if (n->insn.emulated) {
			*out = (struct probe_site){
				.offset = n->offset, .reg = REG_SP, .depth = pushed};
			return;
		}
		if (n->insn.flow != FLOW_NEXT || n->insn.writes & g->f->args)
			return;
		if (n->insn.moves)
			return;
		pushed += n->insn.push;
		i = n->next;
	}
}

/* Jumps that follow each other, as by way of the table of addresses, count as one. */
static uint64_t find_tail(const struct graph *g)
{
	uint64_t tail = 0, to;
	int i = 0;

	for (int steps = 0; steps < ENTRY_MAX && i != NO_NODE; steps++) {
		const struct node *n = &g->nodes[i];

		if (jump_target(g, n, &to)) {
			tail = to;
			i = n->target;
		} else if (n->insn.flow == FLOW_NEXT && (!tail || !n->insn.writes)) {
			i = n->next;
		} else {
			break;
		}
	}
	return tail && is_outside(g, tail) ? tail : 0;
}

static bool has_probe(const struct probe_sites *s, uint64_t offset, struct probe_site *out)
{
	for (uint32_t i = 0; i < s->nexits; i++)
		if (s->exits[i].offset == offset) {
			*out = s->exits[i];
			return true;
		}
	return false;
}

/* -EEXIST when another value is taken there. */
static int place(const struct graph *g, const struct state *at, struct probe_sites *out)
{
	const struct node *n = &g->nodes[at->node];
	struct probe_site site = {
		.offset = n->offset,
		.reg = at->reg,
		.add = at->add,
		.stepped = !n->insn.emulated,
		.depth = g->depths ? n->depth : -1,
	};
	struct probe_site old;

	if (has_probe(out, n->offset, &old))
		return old.reg == site.reg && old.add == site.add ? 0 : -EEXIST;
	if (out->nexits == PROBE_EXITS_MAX)
		return -E2BIG;
	out->exits[out->nexits++] = site;
	return 0;
}

static bool seen(const struct buf *visited, const struct state *s)
{
	const struct state *v = (const struct state *)visited->data;

	for (size_t i = 0; i < visited->len / sizeof(*v); i++)
		if (v[i].node == s->node && v[i].reg == s->reg && v[i].add == s->add)
			return true;
	return false;
}

/* The state before instruction @p from that after it; false when @p makes the value. */
static bool step_back(const struct insn *p, bool stored, struct state *s)
{
	if (stored)
		return !p->stores && p->flow != FLOW_CALL;
	if (!(p->writes & 1u << s->reg))
		return true;
	if (!p->copies || p->to != s->reg)
		return false;
	s->reg = p->from;
	s->add += p->add;
	return true;
}

/* One step against the flow from a state in which no probe could be put. */
static int search_preds(const struct graph *g, const struct state *s, struct buf *work,
			struct probe_sites *out)
{
	int at = g->nodes[s->node].first_pred;
	bool here = at == NO_NODE;

	for (; at != NO_NODE; at = g->preds[at].next) {
		struct state before = *s;
		const struct node *p = &g->nodes[g->preds[at].node];
		struct probe_site old;

		before.node = g->preds[at].node;
		if (!step_back(&p->insn, g->f->stored, &before)) {
			here = true;
			continue;
		}
		/* Two ways part there, with different values: this one is told later. */
		if (p->insn.emulated && has_probe(out, p->offset, &old) &&
		    (old.reg != before.reg || old.add != before.add)) {
			here = true;
			continue;
		}
		if (p->insn.emulated) {
			int err = place(g, &before, out);

			if (err)
				return err;
			continue;
		}
		if (!seen(work, &before))
			buf_append(work, &before, sizeof(before));
	}
	return here ? place(g, s, out) : 0;
}

/* From one end against the flow: what is reached is appended to @work and looked at in turn. */
static int search(const struct graph *g, int end, uint8_t reg, struct probe_sites *out)
{
	_cleanup_buf_ struct buf work = {.max = STEPS_MAX * sizeof(struct state)};
	struct state first = {.node = end, .reg = reg};
	size_t i;
	int err = 0;

	buf_append(&work, &first, sizeof(first));
	for (i = 0; !err && !work.error && i < work.len / sizeof(first); i++) {
		struct state s;

		memcpy(&s, work.data + i * sizeof(s), sizeof(s));
		err = search_preds(g, &s, &work, out);
	}
	return err ? err : work.error;
}

/* Every return is probed: always right, and always single-stepped. */
static int probe_returns(const struct graph *g, struct probe_sites *out)
{
	int err = 0;

	out->nexits = 0;
	for (int i = 0; i < g->n && !err; i++) {
		struct state s = {.node = i, .reg = REG_AX};

		if (g->nodes[i].insn.flow == FLOW_RETURN)
			err = place(g, &s, out);
	}
	return err;
}

static int find_exits(const struct graph *g, struct probe_sites *out)
{
	int err = 0;

	for (int i = 0; i < g->n && !err; i++) {
		if (g->nodes[i].insn.flow == FLOW_RETURN)
			err = search(g, i, REG_AX, out);
		/* memset(3) returns its first argument. */
		if (g->nodes[i].insn.flow == FLOW_INDIRECT && g->f->cleared &&
		    g->nodes[i].target == NO_NODE)
			err = search(g, i, REG_DI, out);
	}
	return err ? probe_returns(g, out) : 0;
}

int probe_sites_find(const struct probe_function *f, struct probe_sites *out)
{
	_cleanup_(graph_deinit) struct graph g;
	int err = graph_init(&g, f);

	*out = (struct probe_sites){0};
	if (!err)
		err = graph_build(&g, out);
	if (err)
		return err;
	find_entry(&g, &out->entry);
	out->tail = find_tail(&g);
	if (f->exits)
		err = find_exits(&g, out);
	out->complete = g.complete;
	return err;
}
