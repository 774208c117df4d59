// SPDX-License-Identifier: GPL-2.0-or-later
#include "kmod.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "../base/log.h"
#include "../control/genl.h"
#include "../control/module.h"
#include "../image/maps.h"
#include "../image/store.h"
#include "stack.h"

enum {
	/* Rows in one message: their attributes are at most 64 KiB long. */
	PART_ROWS = 15000,
	PART_RULES = 4000,
	/* Mappings in one message, of at most MAP_BYTES each. */
	PART_MAPS = 2000,
};

/* Where user space ends: what is above (vsyscall) the module cannot be told of. */
#define USER_END (1ull << 56)

struct kmod {
	struct genl *genl;
	struct image_store *store;
	struct record_module events;
	/* Of this connection; an image carries that of the one which uploaded it. */
	uint32_t serial;
	bool full;
	/* Bits of those in use. */
	uint32_t arms;
};

const struct record_module *kmod_events(const struct kmod *k)
{
	return &k->events;
}

struct event_spec kmod_event_spec(uint32_t id, const char *filter)
{
	return (struct event_spec){
		.filter = filter,
		.attr =
			{
				.type = PERF_TYPE_TRACEPOINT,
				.config = id,
				.sample_type = RECORD_MODULE_TYPE,
				.sample_period = 1,
				.sample_max_stack = KERNEL_FRAMES_MAX,
				.exclude_callchain_user = 1,
			},
	};
}

const char *kmod_error(const struct kmod *k)
{
	return genl_error(k->genl);
}

static int take_status_attr(const struct nlattr *a, void *data)
{
	struct record_module *events = data;

	if (mnl_attr_validate(a, MNL_TYPE_U32) < 0)
		return MNL_CB_OK;
	if (mnl_attr_get_type(a) == KPPROF_A_EVENT_CPU)
		events->cpu = mnl_attr_get_u32(a);
	if (mnl_attr_get_type(a) == KPPROF_A_EVENT_STACK)
		events->stack = mnl_attr_get_u32(a);
	if (mnl_attr_get_type(a) == KPPROF_A_EVENT_SCHED)
		events->sched = mnl_attr_get_u32(a);
	if (mnl_attr_get_type(a) == KPPROF_A_EVENT_HEAP)
		events->heap = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int take_status(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_status_attr, ctx);
	return 0;
}

static int ask_events(struct kmod *k)
{
	int err;

	genl_begin(k->genl, KPPROF_CMD_STATUS, 0);
	err = genl_send(k->genl, take_status, &k->events);
	if (!err && (!k->events.cpu || !k->events.stack))
		err = -ENOENT;
	return err;
}

int kmod_open(struct image_store *store, char *why, size_t size, struct kmod **out)
{
	static uint32_t serial;
	struct kmod *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->store = store;
	k->serial = ++serial;
	k->genl = module_open(why, size);
	err = k->genl ? ask_events(k) : -ENOENT;
	if (err && k->genl)
		snprintf(why, size, "the module does not answer: %s",
			 *kmod_error(k) ? kmod_error(k) : strerror(-err));
	if (err) {
		kmod_close(k);
		return err;
	}
	*out = k;
	return 0;
}

void kmod_close(struct kmod *k)
{
	if (k)
		genl_close(k->genl);
	free(k);
}

struct genl *kmod_genl(struct kmod *k)
{
	return k->genl;
}

int kmod_arm_get(struct kmod *k, unsigned int *arm)
{
	for (*arm = 0; *arm < KPPROF_ARMS_MAX; ++*arm) {
		if (k->arms & 1u << *arm)
			continue;
		k->arms |= 1u << *arm;
		return 0;
	}
	return -EBUSY;
}

void kmod_arm_put(struct kmod *k, unsigned int arm)
{
	k->arms &= ~(1u << arm);
}

bool kmod_is_idle(const struct kmod *k)
{
	return !k->arms;
}

static struct nlmsghdr *begin_arm(struct kmod *k, uint8_t cmd, unsigned int arm)
{
	struct nlmsghdr *nlh = genl_begin(k->genl, cmd, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, arm);
	return nlh;
}

static int take_clock_attr(const struct nlattr *a, void *data)
{
	bool *cycles = data;

	if (mnl_attr_get_type(a) == KPPROF_A_CLOCK && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		*cycles = mnl_attr_get_u32(a) == KPPROF_CLOCK_CYCLES;
	return MNL_CB_OK;
}

static int take_clock(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_clock_attr, ctx);
	return 0;
}

int kmod_arm(struct kmod *k, unsigned int arm, unsigned int hz, bool box, bool *cycles)
{
	struct nlmsghdr *nlh = begin_arm(k, KPPROF_CMD_ARM, arm);

	mnl_attr_put_u32(nlh, KPPROF_A_HZ, hz);
	mnl_attr_put_u32(nlh, KPPROF_A_CLOCK, *cycles ? KPPROF_CLOCK_CYCLES : KPPROF_CLOCK_CPU);
	if (box)
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	return genl_send(k->genl, take_clock, cycles);
}

int kmod_arm_pid(struct kmod *k, unsigned int arm, unsigned int hz, pid_t pid)
{
	struct nlmsghdr *nlh = begin_arm(k, KPPROF_CMD_ARM, arm);

	mnl_attr_put_u32(nlh, KPPROF_A_HZ, hz);
	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pid);
	return genl_send(k->genl, NULL, NULL);
}

void kmod_disarm_pid(struct kmod *k, unsigned int arm, pid_t pid)
{
	struct nlmsghdr *nlh = begin_arm(k, KPPROF_CMD_DISARM, arm);

	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pid);
	genl_send(k->genl, NULL, NULL);
}

void kmod_disarm(struct kmod *k, unsigned int arm)
{
	int err;

	kmod_arm_put(k, arm);
	begin_arm(k, KPPROF_CMD_DISARM, arm);
	err = genl_send(k->genl, NULL, NULL);
	if (err)
		log_warning("the module does not disarm: %s", strerror(-err));
}

/* ---- images */

static struct nlmsghdr *begin_image(struct kmod *k, const struct image *image)
{
	struct nlmsghdr *nlh = genl_begin(k->genl, KPPROF_CMD_IMAGE, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, image->id);
	return nlh;
}

static int send_flag(struct kmod *k, const struct image *image, uint16_t flag)
{
	struct nlmsghdr *nlh = begin_image(k, image);

	mnl_attr_put(nlh, flag, 0, NULL);
	return genl_send(k->genl, NULL, NULL);
}

static int send_sizes(struct kmod *k, const struct image *image)
{
	struct nlmsghdr *nlh = begin_image(k, image);

	mnl_attr_put_u32(nlh, KPPROF_A_NROWS, image->rows.nrows);
	mnl_attr_put_u32(nlh, KPPROF_A_NRULES, image->rows.nrules);
	return genl_send(k->genl, NULL, NULL);
}

static uint32_t part(uint32_t at, uint32_t all, uint32_t most)
{
	return all - at < most ? all - at : most;
}

static int send_rows(struct kmod *k, const struct image *image)
{
	const struct kpprof_rows *rows = &image->rows;
	int err = 0;

	for (uint32_t at = 0, n; at < rows->nrows && !err; at += n) {
		struct nlmsghdr *nlh = begin_image(k, image);

		n = part(at, rows->nrows, PART_ROWS);
		mnl_attr_put_u32(nlh, KPPROF_A_AT, at);
		mnl_attr_put(nlh, KPPROF_A_PCS, n * sizeof(*rows->pcs), rows->pcs + at);
		mnl_attr_put(nlh, KPPROF_A_INDEX, n * sizeof(*rows->index), rows->index + at);
		err = genl_send(k->genl, NULL, NULL);
	}
	return err;
}

static int send_rules(struct kmod *k, const struct image *image)
{
	const struct kpprof_rows *rows = &image->rows;
	int err = 0;

	for (uint32_t at = 0, n; at < rows->nrules && !err; at += n) {
		struct nlmsghdr *nlh = begin_image(k, image);

		n = part(at, rows->nrules, PART_RULES);
		mnl_attr_put_u32(nlh, KPPROF_A_AT, at);
		mnl_attr_put(nlh, KPPROF_A_RULES, n * sizeof(*rows->rules), rows->rules + at);
		err = genl_send(k->genl, NULL, NULL);
	}
	return err;
}

static int upload(struct kmod *k, struct image *image)
{
	int err = send_sizes(k, image);

	if (err)
		return err;
	err = send_rows(k, image);
	if (!err)
		err = send_rules(k, image);
	if (!err)
		err = send_flag(k, image, KPPROF_A_DONE);
	if (err)
		send_flag(k, image, KPPROF_A_DROP);
	else
		image->module = k->serial;
	return err;
}

/* Nothing maps it any more, or only processes that are gone. */
static void drop_unused(void *ctx, struct image *image)
{
	struct kmod *k = ctx;

	if (image->module != k->serial || image->refs)
		return;
	send_flag(k, image, KPPROF_A_DROP);
	image->module = 0;
}

/* Makes sure that the module has the rows of an image; false when it has not. */
static bool provide(struct kmod *k, struct image *image)
{
	int err;

	if (image->module == k->serial)
		return true;
	err = upload(k, image);
	if (err == -ENOSPC) {
		image_store_each(k->store, drop_unused, k);
		err = upload(k, image);
	}
	if (err && !(err == -ENOSPC && k->full))
		log_warning("the module does not take the rows of %s: %s", image->path,
			    *kmod_error(k) ? kmod_error(k) : strerror(-err));
	k->full |= err == -ENOSPC;
	return !err;
}

/* ---- mappings */

static void put_map(struct nlmsghdr *nlh, const struct kpprof_map *map, uint32_t image,
		    bool pending)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KPPROF_A_MAP);

	mnl_attr_put_u64(nlh, KPPROF_MAP_A_START, map->start);
	mnl_attr_put_u64(nlh, KPPROF_MAP_A_END, map->end);
	mnl_attr_put_u64(nlh, KPPROF_MAP_A_OFFSET, map->offset);
	if (image)
		mnl_attr_put_u32(nlh, KPPROF_MAP_A_IMAGE, image);
	if (pending)
		mnl_attr_put(nlh, KPPROF_MAP_A_PENDING, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
}

/* Rows that are on their way, or that the module has no room for, make a mapping pending. */
static bool prepare(struct kmod *k, struct image *image, bool *waits)
{
	if (!image || image->state == IMAGE_NO_ROWS)
		return false;
	if (image->state == IMAGE_READY)
		return !provide(k, image);
	image_want_rows(image);
	*waits |= image->state == IMAGE_LOADING || image->state == IMAGE_NEW;
	return image->state != IMAGE_NO_ROWS;
}

static struct nlmsghdr *begin_maps(struct kmod *k, pid_t pid, uint32_t cookie)
{
	struct nlmsghdr *nlh = genl_begin(k->genl, KPPROF_CMD_MAPS, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pid);
	mnl_attr_put_u32(nlh, KPPROF_A_COOKIE, cookie);
	return nlh;
}

static int send_maps_part(struct kmod *k, struct nlmsghdr *nlh, bool more)
{
	if (more)
		mnl_attr_put(nlh, KPPROF_A_MORE, 0, NULL);
	return genl_send(k->genl, NULL, NULL);
}

int kmod_send_maps(struct kmod *k, pid_t pid, uint32_t cookie, const struct maps *m, bool *waits)
{
	struct nlmsghdr *nlh;
	uint32_t in_part = 0;
	int err = 0;

	*waits = false;
	/* Images first: they use the same buffer as the message that names them. */
	for (uint32_t i = 0; i < m->n; i++)
		prepare(k, m->images[i], waits);
	nlh = begin_maps(k, pid, cookie);
	for (uint32_t i = 0; i < m->n && !err; i++) {
		struct image *image = m->images[i];
		bool has = image && image->module == k->serial && image->state == IMAGE_READY;

		if (m->walk[i].end > USER_END)
			continue;
		if (in_part++ == PART_MAPS) {
			err = send_maps_part(k, nlh, true);
			nlh = begin_maps(k, pid, cookie);
			in_part = 1;
		}
		put_map(nlh, &m->walk[i], has ? image->id : 0,
			image && !has && image->state != IMAGE_NO_ROWS);
	}
	return err ? err : send_maps_part(k, nlh, false);
}
