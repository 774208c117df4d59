// SPDX-License-Identifier: GPL-2.0-or-later
#include "message.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

/* Those that are not a u32; a u32 is 0 here, MNL_TYPE_UNSPEC. */
static const enum mnl_attr_data_type types[KPPROF_A_MAX + 1] = {
	[KPPROF_A_RELEASE] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_LISTEN] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_CLIENT_COMM] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_COMM] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_AGENT_RELEASE] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_REASON] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_LISTENING] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_BOUND] = MNL_TYPE_NUL_STRING,
	[KPPROF_A_IMAGE_BYTES] = MNL_TYPE_U64,
	[KPPROF_A_IMAGE_MAX] = MNL_TYPE_U64,
	[KPPROF_A_SAMPLES] = MNL_TYPE_U64,
	[KPPROF_A_LOST] = MNL_TYPE_U64,
	[KPPROF_A_UNTRACKED] = MNL_TYPE_U64,
	[KPPROF_A_BUSY_NS] = MNL_TYPE_U64,
	[KPPROF_A_SCHED_EVENTS] = MNL_TYPE_U64,
	[KPPROF_A_SCHED_DROPPED] = MNL_TYPE_U64,
	[KPPROF_A_SCHED_BUSY_NS] = MNL_TYPE_U64,
	[KPPROF_A_HEAP_EVENTS] = MNL_TYPE_U64,
	[KPPROF_A_HEAP_BUSY_NS] = MNL_TYPE_U64,
	[KPPROF_A_ALLOCS] = MNL_TYPE_U64,
	[KPPROF_A_ALLOC_BYTES] = MNL_TYPE_U64,
	[KPPROF_A_FREES] = MNL_TYPE_U64,
	[KPPROF_A_LIVE] = MNL_TYPE_U64,
	[KPPROF_A_OVERFLOW] = MNL_TYPE_U64,
	[KPPROF_A_UNPLACED] = MNL_TYPE_U64,
	[KPPROF_A_MISSED] = MNL_TYPE_U64,
	[KPPROF_A_NS] = MNL_TYPE_U64,
	[KPPROF_A_COUNT] = MNL_TYPE_U64,
	[KPPROF_A_BEGIN] = MNL_TYPE_U64,
	[KPPROF_A_WOKEN] = MNL_TYPE_U64,
	[KPPROF_A_ENDS] = MNL_TYPE_NESTED,
	[KPPROF_A_MAP] = MNL_TYPE_NESTED,
	[KPPROF_A_PROBE] = MNL_TYPE_NESTED,
	[KPPROF_A_HEAP] = MNL_TYPE_FLAG,
	[KPPROF_A_BOX] = MNL_TYPE_FLAG,
	[KPPROF_A_DONE] = MNL_TYPE_FLAG,
	[KPPROF_A_DROP] = MNL_TYPE_FLAG,
	[KPPROF_A_MORE] = MNL_TYPE_FLAG,
	[KPPROF_A_INHERITED] = MNL_TYPE_FLAG,
	[KPPROF_A_RATE] = MNL_TYPE_U64,
	[KPPROF_A_EVENTS] = MNL_TYPE_U64,
	[KPPROF_A_DROPPED] = MNL_TYPE_U64,
	[KPPROF_A_KERNEL] = MNL_TYPE_FLAG,
	[KPPROF_A_EXITED] = MNL_TYPE_FLAG,
	[KPPROF_A_PCS] = MNL_TYPE_BINARY,
	[KPPROF_A_INDEX] = MNL_TYPE_BINARY,
	[KPPROF_A_RULES] = MNL_TYPE_BINARY,
	[KPPROF_A_SEQS] = MNL_TYPE_BINARY,
};

bool message_fits(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= INT_MAX;
}

static int take(const struct nlattr *a, void *data)
{
	unsigned int type = mnl_attr_get_type(a);
	struct message *m = data;
	enum mnl_attr_data_type want;

	if (type > KPPROF_A_MAX || type == KPPROF_A_PAD)
		return MNL_CB_OK;
	want = types[type] == MNL_TYPE_UNSPEC ? MNL_TYPE_U32 : types[type];
	if (mnl_attr_validate(a, want) < 0)
		return MNL_CB_ERROR;
	m->attr[type] = a;
	return MNL_CB_OK;
}

int message_parse(const struct nlmsghdr *nlh, struct message *m)
{
	*m = (struct message){0};
	/* libmnl lets attributes end where the next message would begin, which is behind an odd
	 * end. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr) ||
	    nlh->nlmsg_len != MNL_ALIGN(nlh->nlmsg_len))
		return -EINVAL;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take, m) < 0 ? -EINVAL : 0;
}

uint32_t message_u32(const struct message *m, unsigned int type, uint32_t otherwise)
{
	return m->attr[type] ? mnl_attr_get_u32(m->attr[type]) : otherwise;
}

uint64_t message_u64(const struct message *m, unsigned int type)
{
	return m->attr[type] ? mnl_attr_get_u64(m->attr[type]) : 0;
}

const char *message_str(const struct message *m, unsigned int type)
{
	return m->attr[type] ? mnl_attr_get_str(m->attr[type]) : NULL;
}

bool message_from_root(struct msghdr *msg)
{
	struct ucred cred;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&cred, CMSG_DATA(h), sizeof(cred));
		return cred.uid == 0;
	}
	return false;
}
