// SPDX-License-Identifier: GPL-2.0-only
/* IMAGE and MAPS: what a walk needs to know of files and processes. */
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "cpu.h"
#include "heap.h"
#include "image.h"
#include "maps.h"
#include "netlink.h"
#include "target.h"
#include "watch.h"

/* ---- IMAGE */

static int image_begin(struct genl_info *info, u32 id)
{
	if (!info->attrs[KPPROF_A_NROWS] || !info->attrs[KPPROF_A_NRULES]) {
		NL_SET_ERR_MSG(info->extack, "an image begins with its rows and its rules");
		return -EINVAL;
	}
	return kpprof_image_create(id, nla_get_u32(info->attrs[KPPROF_A_NROWS]),
				   nla_get_u32(info->attrs[KPPROF_A_NRULES]), info->extack);
}

static int image_part(struct genl_info *info, u32 id)
{
	const struct nlattr *pcs = info->attrs[KPPROF_A_PCS];
	const struct nlattr *index = info->attrs[KPPROF_A_INDEX];
	const struct nlattr *rules = info->attrs[KPPROF_A_RULES];
	u32 at, n;

	at = nla_get_u32(info->attrs[KPPROF_A_AT]);
	if (rules && !pcs && !index && nla_len(rules) % sizeof(struct kpprof_rule) == 0)
		return kpprof_image_rules(id, at, nla_data(rules),
					  nla_len(rules) / sizeof(struct kpprof_rule),
					  info->extack);
	n = pcs ? nla_len(pcs) / sizeof(u32) : 0;
	if (!rules && pcs && index && nla_len(pcs) == n * sizeof(u32) &&
	    nla_len(index) == n * sizeof(u16))
		return kpprof_image_rows(id, at, nla_data(pcs), nla_data(index), n, info->extack);
	NL_SET_ERR_MSG(info->extack, "a part is rules, or as many pcs as indexes");
	return -EINVAL;
}

int kpprof_netlink_image(struct genl_info *info)
{
	u32 id;

	if (!info->attrs[KPPROF_A_IMAGE]) {
		NL_SET_ERR_MSG(info->extack, "IMAGE needs the number of an image");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[KPPROF_A_IMAGE]);
	if (info->attrs[KPPROF_A_DROP])
		return kpprof_image_drop(id);
	if (info->attrs[KPPROF_A_DONE])
		return kpprof_image_done(id, info->extack);
	if (info->attrs[KPPROF_A_AT])
		return image_part(info, id);
	return image_begin(info, id);
}

/* ---- MAPS */

const struct nla_policy kpprof_map_policy[KPPROF_MAP_A_MAX + 1] = {
	[KPPROF_MAP_A_START] = {.type = NLA_U64},    [KPPROF_MAP_A_END] = {.type = NLA_U64},
	[KPPROF_MAP_A_OFFSET] = {.type = NLA_U64},   [KPPROF_MAP_A_IMAGE] = {.type = NLA_U32},
	[KPPROF_MAP_A_PENDING] = {.type = NLA_FLAG},
};

static int maps_one(struct kpprof_maps *maps, const struct nlattr *a,
		    struct netlink_ext_ack *extack)
{
	struct nlattr *m[KPPROF_MAP_A_MAX + 1];
	int err = nla_parse_nested(m, KPPROF_MAP_A_MAX, a, kpprof_map_policy, extack);

	if (err)
		return err;
	if (!m[KPPROF_MAP_A_START] || !m[KPPROF_MAP_A_END] || !m[KPPROF_MAP_A_OFFSET]) {
		NL_SET_ERR_MSG(extack, "a mapping has a start, an end and an offset");
		return -EINVAL;
	}
	return kpprof_maps_add(maps, nla_get_u64(m[KPPROF_MAP_A_START]),
			       nla_get_u64(m[KPPROF_MAP_A_END]),
			       nla_get_u64(m[KPPROF_MAP_A_OFFSET]),
			       m[KPPROF_MAP_A_IMAGE] ? nla_get_u32(m[KPPROF_MAP_A_IMAGE]) : 0,
			       m[KPPROF_MAP_A_PENDING], extack);
}

static int maps_collect(struct kpprof_maps *maps, struct genl_info *info)
{
	const struct nlattr *a;
	int rem, err = 0;

	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(a) == KPPROF_A_MAP)
			err = maps_one(maps, a, info->extack);
		if (err)
			break;
	}
	return err;
}

/* The list that this message goes on with, or a new one; what another process has begun is dropped.
 */
static int maps_open(struct genl_info *info, pid_t pid, struct kpprof_maps **out)
{
	pid_t *pending_pid;
	struct kpprof_maps **pending = kpprof_client_pending(&pending_pid);
	struct kpprof_maps *maps = *pending;

	*pending = NULL;
	if (maps && *pending_pid == pid) {
		*out = maps;
		return 0;
	}
	kpprof_maps_put(maps);
	*out = kpprof_maps_create(nla_get_u32(info->attrs[KPPROF_A_COOKIE]));
	return *out ? 0 : -ENOMEM;
}

static int maps_more(struct kpprof_maps *maps, pid_t pid)
{
	pid_t *pending_pid;
	struct kpprof_maps **pending = kpprof_client_pending(&pending_pid);

	*pending = maps;
	*pending_pid = pid;
	return 0;
}

int kpprof_netlink_maps(struct genl_info *info)
{
	struct kpprof_maps *maps;
	pid_t pid;
	int err;

	if (!info->attrs[KPPROF_A_PID] || !info->attrs[KPPROF_A_COOKIE]) {
		NL_SET_ERR_MSG(info->extack, "MAPS needs a process and a cookie");
		return -EINVAL;
	}
	if (!kpprof_arm_count() && !kpprof_watch_count() && !kpprof_heap_count()) {
		NL_SET_ERR_MSG(info->extack, "nothing is armed");
		return -EINVAL;
	}
	pid = nla_get_u32(info->attrs[KPPROF_A_PID]);
	err = maps_open(info, pid, &maps);
	if (err)
		return err;
	err = maps_collect(maps, info);
	if (!err && info->attrs[KPPROF_A_MORE])
		return maps_more(maps, pid);
	if (!err)
		err = kpprof_target_map(pid, maps, info->extack);
	if (err)
		kpprof_maps_put(maps);
	return err;
}
