// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What comes in over netlink, from kpprofctl and from the kernel: messages of any shape, one after
 * the other. What is taken has the type that it must have. (What the module takes is tried in a
 * guest: tests/vm/t_abuse.)
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/control/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every attribute in each way that its length allows the agent to. */
static size_t use(const struct message *m)
{
	size_t sum = 0;

	for (unsigned int type = 0; type <= KPPROF_A_MAX; type++) {
		const struct nlattr *a = m->attr[type];

		if (!a)
			continue;
		switch (type) {
		case KPPROF_A_LISTEN:
		case KPPROF_A_COMM:
		case KPPROF_A_CLIENT_COMM:
		case KPPROF_A_RELEASE:
		case KPPROF_A_AGENT_RELEASE:
		case KPPROF_A_REASON:
		case KPPROF_A_LISTENING:
		case KPPROF_A_BOUND:
			sum += strlen(message_str(m, type));
			break;
		case KPPROF_A_RATE:
		case KPPROF_A_NS:
		case KPPROF_A_BEGIN:
		case KPPROF_A_SAMPLES:
			sum += message_u64(m, type);
			break;
		case KPPROF_A_PID:
		case KPPROF_A_TID:
		case KPPROF_A_ARM:
		case KPPROF_A_KINDS:
		case KPPROF_A_HZ:
		case KPPROF_A_LEASE:
			sum += message_u32(m, type, 0);
			break;
		default:
			for (size_t i = 0; i < mnl_attr_get_payload_len(a); i++)
				sum += ((const uint8_t *)mnl_attr_get_payload(a))[i];
		}
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static volatile size_t sink;
	/* A copy, so that reading over its end is noticed. */
	_cleanup_free_ void *copy = malloc(size ? size : 1);
	const struct nlmsghdr *nlh = copy;
	struct message m;
	int left = (int)size;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	for (; message_fits(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (message_parse(nlh, &m) == 0)
			sink += use(&m);
	return 0;
}
