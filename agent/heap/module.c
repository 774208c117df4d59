// SPDX-License-Identifier: GPL-2.0-or-later
#include "module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../control/genl.h"
#include "../engine/core.h"
#include "../engine/kmod.h"
#include "../image/maps.h"
#include "allocator.h"
#include "samples.h"
#include "watch.h"

enum { RING_BYTES = 1 << 20 };

/* The same numbers on the wire. */
_Static_assert((int)ALLOC_SIZE == KPPROF_ALLOC_SIZE && (int)ALLOC_ARRAY == KPPROF_ALLOC_ARRAY &&
		       (int)ALLOC_ALIGNED == KPPROF_ALLOC_ALIGNED &&
		       (int)ALLOC_STORED == KPPROF_ALLOC_STORED &&
		       (int)ALLOC_RESIZE == KPPROF_ALLOC_RESIZE &&
		       (int)ALLOC_RESIZE_ARRAY == KPPROF_ALLOC_RESIZE_ARRAY &&
		       (int)ALLOC_FREE == KPPROF_ALLOC_FREE &&
		       (int)ALLOC_KINDS == __KPPROF_ALLOC_KINDS,
	       "kinds of functions");
_Static_assert((unsigned long long)HEAP_RATE_MAX <= KPPROF_HEAP_RATE_MAX, "rates");

/**
 * struct heap_module - a heap arm
 * @arm: its number
 * @set: rings, NULL for none
 * @armed: the module has it
 */
struct heap_module {
	struct engine *engine;
	struct heap_watch *watch;
	uint64_t rate;
	unsigned int arm;
	struct event_set *set;
	bool armed;
};

struct event_set *heap_module_events(const struct heap_module *m)
{
	return m->set;
}

const char *heap_module_error(const struct heap_module *m)
{
	return kmod_error(m->engine->kmod);
}

static struct genl *genl_of(const struct heap_module *m)
{
	return kmod_genl(m->engine->kmod);
}

static struct nlmsghdr *begin(const struct heap_module *m, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = genl_begin(genl_of(m), cmd, flags);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, m->arm);
	return nlh;
}

static struct nlmsghdr *begin_arm(const struct heap_module *m)
{
	struct nlmsghdr *nlh = begin(m, KPPROF_CMD_ARM, 0);

	mnl_attr_put(nlh, KPPROF_A_HEAP, 0, NULL);
	mnl_attr_put_u64(nlh, KPPROF_A_RATE, m->rate);
	return nlh;
}

/* ---- records */

static void sampled(struct heap_watch *w, const struct record *r,
		    const struct kpprof_heap_record *rec)
{
	struct block *b = heap_watch_new(w, rec->seq, rec->size);

	if (!b)
		return;
	b->pid = rec->pid;
	/* What the agent walks comes with the records that follow. */
	if (!(rec->flags & KPPROF_HEAP_STACK))
		heap_watch_take(w, r, b);
}

static void handle_sample(struct heap_watch *w, struct record *r)
{
	struct kpprof_heap_record rec;
	struct block *b;

	if (!r->sample.raw) {
		b = blocks_find(&w->blocks, r->sample.period);
		if (b)
			heap_watch_take(w, r, b);
		return;
	}
	memcpy(&rec, r->sample.raw, sizeof(rec));
	/* Whose memory it is; a child that shares it may have been running. */
	r->pid = rec.pid;
	b = blocks_find(&w->blocks, rec.seq);
	if (rec.what == KPPROF_HEAP_SAMPLED)
		sampled(w, r, &rec);
	else if (rec.what == KPPROF_HEAP_PLACED && b)
		heap_watch_placed(w, b, rec.ptr);
	else if (rec.what == KPPROF_HEAP_FREED && b)
		heap_watch_freed(w, b);
}

static void handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct heap_module *m = owner;
	const struct record_module *events = kmod_events(m->engine->kmod);
	struct record r;

	if (record_parse_module(header, events, &r))
		return;
	if (r.type == PERF_RECORD_SAMPLE && parts_join(&ring->parts, header, events, &r))
		handle_sample(m->watch, &r);
	else if (r.type == PERF_RECORD_LOST || r.type == PERF_RECORD_LOST_SAMPLES)
		heap_watch_lost(m->watch, event_set_told(ring->set, r.lost));
}

static int open_rings(struct heap_module *m)
{
	const struct record_module *events = kmod_events(m->engine->kmod);
	struct event_spec specs[2];
	char filter[32];

	snprintf(filter, sizeof(filter), "arm == %u", m->arm);
	specs[0] = kmod_event_spec(events->heap, filter);
	specs[1] = kmod_event_spec(events->stack, filter);
	return engine_set_open(m->engine, specs, ARRAY_SIZE(specs), RING_BYTES, handle, m, &m->set);
}

/* ---- the arm */

/* The rings first: what is sampled from the first moment on is read. */
static int arm(struct heap_module *m)
{
	int err = m->watch ? open_rings(m) : 0;

	if (err)
		return err;
	begin_arm(m);
	err = genl_send(genl_of(m), NULL, NULL);
	m->armed = !err;
	return err;
}

static void set_why(struct engine *e, const char *text, const char *detail)
{
	snprintf(e->why, sizeof(e->why), "%s%s", text, detail);
}

/* A number for the arm, of a module that knows heap arms. */
static int take_arm(struct engine *e, unsigned int *arm)
{
	int err;

	if (!kmod_events(e->kmod)->heap) {
		set_why(e, "the module does not know allocations", "");
		return -ENOENT;
	}
	err = kmod_arm_get(e->kmod, arm);
	if (err)
		set_why(e, "all arms of the module are in use", "");
	return err;
}

int heap_module_open(struct engine *e, uint64_t rate, struct heap_watch *w,
		     struct heap_module **out)
{
	struct heap_module *m;
	int err = engine_kmod_open(e);

	if (err)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct heap_module){.engine = e, .watch = w, .rate = rate};
	err = take_arm(e, &m->arm);
	if (err) {
		engine_kmod_unused(e);
		free(m);
		return err;
	}
	engine_use(e);
	err = arm(m);
	if (err) {
		set_why(e, "the module does not sample allocations: ",
			*heap_module_error(m) ? heap_module_error(m) : strerror(-err));
		log_info("%s", e->why);
		heap_module_close(m);
		return err;
	}
	*out = m;
	return 0;
}

void heap_module_close(struct heap_module *m)
{
	if (!m)
		return;
	if (m->armed)
		kmod_disarm(m->engine->kmod, m->arm);
	else
		kmod_arm_put(m->engine->kmod, m->arm);
	engine_set_close(m->engine, m->set);
	engine_unuse(m->engine);
	free(m);
}

/* ---- probes */

/* Where the code at a file offset of an image is mapped; 0 for nowhere. */
static uint64_t address_of(const struct maps *maps, const struct image *image, uint64_t offset)
{
	for (uint32_t i = 0; i < maps->n; i++) {
		const struct kpprof_map *map = &maps->walk[i];

		if (maps->images[i] == image && offset >= map->offset &&
		    offset - map->offset < map->end - map->start)
			return map->start + (offset - map->offset);
	}
	return 0;
}

/* @plain: at its first instruction, whatever that is. */
static bool put_probe(struct nlmsghdr *nlh, const struct maps *maps, const struct image *image,
		      const struct alloc_func *f, uint32_t number, bool plain)
{
	const struct probe_site *site = &f->sites.entry;
	uint64_t start = address_of(maps, image, f->start), ahead = site->offset - f->start;
	struct nlattr *nest;

	if (!start)
		return false;
	nest = mnl_attr_nest_start(nlh, KPPROF_A_PROBE);
	mnl_attr_put_u64(nlh, KPPROF_PROBE_A_START, start);
	mnl_attr_put_u64(nlh, KPPROF_PROBE_A_AT, plain ? start : start + ahead);
	mnl_attr_put_u32(nlh, KPPROF_PROBE_A_KIND, f->kind);
	mnl_attr_put_u32(nlh, KPPROF_PROBE_A_FUNC, number);
	if (!plain)
		mnl_attr_put_u32(nlh, KPPROF_PROBE_A_PUSHED, (uint32_t)site->depth);
	if (f->flags & ALLOC_LEAVES)
		mnl_attr_put(nlh, KPPROF_PROBE_A_LEAVES, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
	return true;
}

static bool is_meant(enum heap_which which, const struct alloc_func *f)
{
	switch (which) {
	case HEAP_PROBE_ALLOCS:
		return f->kind != ALLOC_FREE;
	case HEAP_PROBE_FREES:
		return f->kind == ALLOC_FREE;
	default:
		return true;
	}
}

static int send_probes(struct heap_module *m, pid_t pid, const struct allocator *a,
		       const struct maps *maps, enum heap_which which, bool plain,
		       struct heap_probed *out)
{
	struct nlmsghdr *nlh = begin_arm(m);

	*out = (struct heap_probed){0};
	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pid);
	for (size_t p = 0; p < a->nparts; p++)
		for (size_t i = 0; i < a->parts[p].n; i++) {
			const struct alloc_func *f = &a->parts[p].funcs[i];

			if (!is_meant(which, f) || out->n == KPPROF_PROBES_MAX)
				continue;
			if (!put_probe(nlh, maps, a->parts[p].image, f,
				       (uint32_t)(p * ALLOC_FUNCS_MAX + i), plain))
				continue;
			out->n++;
			out->stepped += plain || f->sites.entry.stepped;
		}
	return out->n ? genl_send(genl_of(m), NULL, NULL) : -ENOENT;
}

int heap_module_probe(struct heap_module *m, pid_t pid, const struct allocator *a,
		      enum heap_which which, struct heap_probed *out)
{
	struct maps *maps;
	int err = maps_read(m->engine->store, pid, &maps);

	if (err)
		return err;
	err = send_probes(m, pid, a, maps, which, false, out);
	/* It does not know an instruction in front of the one that was chosen. */
	if (err == -EILSEQ)
		err = send_probes(m, pid, a, maps, which, true, out);
	maps_put(maps);
	return err;
}

void heap_module_lift(struct heap_module *m, pid_t pid)
{
	kmod_disarm_pid(m->engine->kmod, m->arm, pid);
}

/* ---- what the module knows */

static int take_count(const struct nlattr *a, void *data)
{
	struct heap_counts *c = data;
	uint64_t *const into[__KPPROF_A_MAX] = {
		[KPPROF_A_ALLOCS] = &c->allocs,	    [KPPROF_A_ALLOC_BYTES] = &c->bytes,
		[KPPROF_A_FREES] = &c->frees,	    [KPPROF_A_OVERFLOW] = &c->overflow,
		[KPPROF_A_UNPLACED] = &c->unplaced, [KPPROF_A_MISSED] = &c->missed,
		[KPPROF_A_DROPPED] = &c->dropped,
	};
	unsigned int type = mnl_attr_get_type(a);

	if (type <= KPPROF_A_MAX && into[type] && mnl_attr_validate(a, MNL_TYPE_U64) >= 0)
		*into[type] = mnl_attr_get_u64(a);
	return MNL_CB_OK;
}

static int take_counts(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_count, ctx);
	return 0;
}

void heap_module_counts(struct heap_module *m, struct heap_counts *out)
{
	*out = (struct heap_counts){0};
	begin(m, KPPROF_CMD_HEAP, 0);
	genl_send(genl_of(m), take_counts, out);
}

struct live {
	void (*fn)(void *ctx, uint64_t seq);
	void *ctx;
};

static int take_seqs(const struct nlattr *a, void *data)
{
	const struct live *l = data;
	const char *at = mnl_attr_get_payload(a);
	uint64_t seq;

	if (mnl_attr_get_type(a) != KPPROF_A_SEQS)
		return MNL_CB_OK;
	for (size_t n = mnl_attr_get_payload_len(a) / sizeof(seq); n; n--, at += sizeof(seq)) {
		memcpy(&seq, at, sizeof(seq));
		l->fn(l->ctx, seq);
	}
	return MNL_CB_OK;
}

static int take_blocks(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_seqs, ctx);
	return 0;
}

int heap_module_live(struct heap_module *m, void (*fn)(void *ctx, uint64_t seq), void *ctx)
{
	struct live l = {.fn = fn, .ctx = ctx};

	begin(m, KPPROF_CMD_BLOCKS, NLM_F_DUMP);
	return genl_send(genl_of(m), take_blocks, &l);
}
