// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages from a grammar: commands with the attributes that they want, values that are wrong now
 * and then, and damage. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

static unsigned long long state;

static unsigned int rnd(unsigned int below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % below;
}

static uint32_t value(void)
{
	static const uint32_t some[] = {0, 1, 2, 3, 7, 8, 16, 99, 1000, 1001, 65535, 1u << 20, ~0u};

	return rnd(3) ? some[rnd(sizeof(some) / sizeof(some[0]))] : rnd(1u << 31);
}

static void put_random(struct nlmsghdr *nlh, unsigned int depth)
{
	uint16_t type = (uint16_t)rnd(rnd(8) ? KPPROF_A_MAX + 1 : 65536);
	static char bytes[4096];
	struct nlattr *nest;
	unsigned int i, n;

	switch (rnd(6)) {
	case 0:
		mnl_attr_put(nlh, type, 0, NULL);
		break;
	case 1:
	case 2:
		mnl_attr_put_u32(nlh, type, rnd(4) ? value() : (uint32_t)getpid());
		break;
	case 3:
		for (i = 0; i < sizeof(bytes); i += 4)
			memcpy(bytes + i, &(uint32_t){rnd(2) ? i : value()}, 4);
		mnl_attr_put(nlh, type, rnd(sizeof(bytes)), bytes);
		break;
	case 4:
		mnl_attr_put_u64(nlh, type, ((uint64_t)value() << 12) * rnd(3));
		break;
	default:
		nest = mnl_attr_nest_start(nlh, rnd(2) ? KPPROF_A_MAP : type);
		for (i = 0, n = rnd(6); depth < 3 && i < n; i++)
			put_random(nlh, depth + 1);
		mnl_attr_nest_end(nlh, nest);
	}
}

/* Rows that are nearly sorted, with rules that are nearly known: some images become whole. */
static void put_part(struct nlmsghdr *nlh)
{
	struct kpprof_rule rules[8] = {{0}};
	uint32_t pcs[8], n = 1 + rnd(8);
	uint16_t index[8];

	for (uint32_t i = 0; i < n; i++) {
		pcs[i] = rnd(10) ? i * 16 : value();
		index[i] = (uint16_t)rnd(rnd(10) ? 3 : 65536);
		if (i)
			rules[i] = (struct kpprof_rule){.kind = (uint8_t)rnd(rnd(10) ? 4 : 256),
							.reg = (uint8_t)rnd(rnd(10) ? 16 : 256),
							.fp = (uint8_t)rnd(rnd(10) ? 2 : 256),
							.off = (int32_t)value()};
	}
	mnl_attr_put_u32(nlh, KPPROF_A_AT, rnd(4) ? 0 : value());
	if (rnd(2)) {
		mnl_attr_put(nlh, KPPROF_A_RULES, n * sizeof(rules[0]), rules);
	} else {
		mnl_attr_put(nlh, KPPROF_A_PCS, n * 4, pcs);
		mnl_attr_put(nlh, KPPROF_A_INDEX, (rnd(10) ? n : rnd(8)) * 2, index);
	}
}

static void put_likely_image(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, 1 + rnd(8));
	switch (rnd(5)) {
	case 0:
		mnl_attr_put_u32(nlh, KPPROF_A_NROWS, 1 + rnd(8));
		mnl_attr_put_u32(nlh, KPPROF_A_NRULES, 1 + rnd(8));
		break;
	case 1:
	case 2:
		put_part(nlh);
		break;
	case 3:
		mnl_attr_put(nlh, KPPROF_A_DONE, 0, NULL);
		break;
	case 4:
		if (!rnd(4))
			mnl_attr_put(nlh, KPPROF_A_DROP, 0, NULL);
		break;
	}
}

/* A command with the attributes it wants, so that the random ones get behind the first check. */
static void put_likely(struct nlmsghdr *nlh, unsigned int cmd)
{
	switch (cmd) {
	case KPPROF_CMD_ARM:
		mnl_attr_put_u32(nlh, KPPROF_A_ARM, rnd(KPPROF_ARMS_MAX));
		if (rnd(2)) {
			mnl_attr_put_u32(nlh, KPPROF_A_HZ, 1 + rnd(KPPROF_HZ_MAX));
		} else if (rnd(2)) {
			kpt_heap_put(nlh, value());
			break;
		} else {
			mnl_attr_put_u32(nlh, KPPROF_A_WATCH, 1 + rnd(KPPROF_WATCH_ALL));
			mnl_attr_put_u64(nlh, KPPROF_A_RATE, value());
		}
		mnl_attr_put_u32(nlh, KPPROF_A_PID, rnd(2) ? (uint32_t)getpid() : rnd(400));
		break;
	case KPPROF_CMD_HEAP:
	case KPPROF_CMD_BLOCKS:
	case KPPROF_CMD_DISARM:
		mnl_attr_put_u32(nlh, KPPROF_A_ARM, rnd(KPPROF_ARMS_MAX));
		break;
	case KPPROF_CMD_MAPS:
		mnl_attr_put_u32(nlh, KPPROF_A_PID, rnd(2) ? (uint32_t)getpid() : rnd(400));
		mnl_attr_put_u32(nlh, KPPROF_A_COOKIE, value());
		if (rnd(2))
			kpt_put_map(nlh, (uint64_t)rnd(1000) << 12, (uint64_t)rnd(9000) << 12,
				    rnd(5));
		break;
	case KPPROF_CMD_THREADS:
		nlh->nlmsg_flags |= NLM_F_DUMP;
		for (unsigned int i = rnd(4); i; i--)
			mnl_attr_put_u32(nlh, KPPROF_A_PID, rnd(2) ? (uint32_t)getpid() : rnd(400));
		break;
	case KPPROF_CMD_IMAGE:
		put_likely_image(nlh);
		break;
	}
}

int kpt_random(unsigned int n, unsigned int seed)
{
	unsigned int ok = 0, refused = 0;

	state = seed;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int cmd = rnd(20) ? 1 + rnd(KPPROF_CMD_MAX) : rnd(256), k = rnd(5), len;
		struct nlmsghdr *nlh = kpt_begin(cmd, 0);
		int err;

		if (rnd(4)) {
			put_likely(nlh, cmd);
			/* Others wait for grace periods when they succeed: not too often. */
			if (cmd == KPPROF_CMD_IMAGE && rnd(2))
				k = 0;
		}
		while (k--)
			put_random(nlh, 0);
		len = nlh->nlmsg_len;
		/* Damage: a byte behind the header, or an end too early. */
		if (!rnd(8) && len > 24)
			((char *)nlh)[20 + rnd(len - 20)] = (char)rnd(256);
		if (!rnd(8) && len > 24) {
			len = 20 + rnd(len - 20);
			nlh->nlmsg_len = len;
		}
		err = kpt_talk_len(len, NULL, NULL);
		if (err == -EAGAIN) {
			fprintf(stderr, "kpt: message %u of seed %u is not answered\n", i, seed);
			return 1;
		}
		if (err)
			refused++;
		else
			ok++;
	}
	printf("%u messages: %u done, %u refused\n", n, ok, refused);
	return 0;
}
