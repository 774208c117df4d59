// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client of the module for tests in a guest, with no code of the agent's:
 *
 *   kpt status               KEY=VALUE lines
 *   kpt arm HZ PID|box SECS  arm, print "armed", hold it so long, end
 *   kpt watch WHAT RATE PID|box SECS  the same for a watch: WHAT is enum kpprof_watch bits
 *   kpt waits                WAITS, one line of KEY=VALUE for each thread
 *   kpt cycles N PID KO      load KO, arm, sample, disarm or just die, unload: N times
 *   kpt abuse                messages that are wrong in a known way, and what they must be answered
 * with kpt random N SEED        N messages of random shape
 *   kpt threads [PID...]     THREADS of these processes, or of all
 *   kpt text PID             how many bytes of its code are not those of its files
 *   kpt probe RATE PID SECS KIND:ADDRESS...  a heap arm, held so long
 *   kpt live I PID KIND:ADDRESS...  a heap arm for a moment, ended in one of four ways
 *   kpt heap ARM             HEAP, KEY=VALUE lines
 *   kpt torn N PID           N dumps of tests/vm/still.c, none with registers that do not belong
 * together
 *   kpt faults [NAME]        each allocation of each command (so named) fails once
 *   kpt faults-fork          the same for fork(2) in a process that is watched
 *   kpt faults-load KO       the same for loading KO
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

static struct mnl_socket *sock;
static unsigned int family, seq;
static char buf[512 << 10], in[512 << 10];
static char text[256];

static int find_id(const struct nlattr *a, void *data)
{
	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
		*(unsigned int *)data = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static int find_text(const struct nlattr *a, void *data)
{
	(void)data;
	if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
		snprintf(text, sizeof(text), "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

static struct nlmsghdr *begin(unsigned int type, unsigned int cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = (uint8_t)cmd;
	genl->version = 1;
	return nlh;
}

/* Sends @len bytes of buf; returns what the kernel answers, with its text in `text`. */
int kpt_talk_len(size_t len, mnl_cb_t cb, void *ctx)
{
	text[0] = '\0';
	if (mnl_socket_sendto(sock, buf, len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(sock, in, sizeof(in));
		struct nlmsghdr *nlh = (struct nlmsghdr *)in;
		int left = (int)n;

		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
				size_t skip = sizeof(*e);

				if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
					skip += e->msg.nlmsg_len - sizeof(e->msg);
				if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
					mnl_attr_parse(nlh, (unsigned int)skip, find_text, NULL);
				return e->error;
			}
			if (nlh->nlmsg_type == NLMSG_DONE)
				return 0;
			if (cb)
				cb(nlh, ctx);
		}
	}
}

static int talk(mnl_cb_t cb, void *ctx)
{
	return kpt_talk_len(((struct nlmsghdr *)buf)->nlmsg_len, cb, ctx);
}

struct nlmsghdr *kpt_begin(unsigned int cmd, unsigned int flags)
{
	struct nlmsghdr *nlh = begin(family, cmd);

	nlh->nlmsg_flags |= (uint16_t)flags;
	return nlh;
}

int kpt_talk(mnl_cb_t cb, void *ctx)
{
	return talk(cb, ctx);
}

void kpt_drain(void)
{
	ssize_t n;

	do
		n = recv(mnl_socket_get_fd(sock), in, sizeof(in), MSG_DONTWAIT);
	while (n >= 0 || errno != EAGAIN);
}

static int take_family(const struct nlmsghdr *nlh, void *ctx)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), find_id, ctx);
}

static int connect_module(void)
{
	struct timeval patience = {.tv_sec = 20};
	struct nlmsghdr *nlh;
	int on = 1, size = 4 << 20, err;

	sock = mnl_socket_open(NETLINK_GENERIC);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	nlh = begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KPPROF_GENL_NAME);
	err = talk(take_family, &family);
	return err ? err : family ? 0 : -ENOENT;
}

void kpt_must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "kpt: %s: %s (%s)\n", what, strerror(-err), text);
	exit(1);
}

/* ---- status */

static const char *const names[__KPPROF_A_MAX] = {
	[KPPROF_A_ABI] = "abi",
	[KPPROF_A_RELEASE] = "release",
	[KPPROF_A_LISTEN] = "listen",
	[KPPROF_A_CLIENT_PID] = "client_pid",
	[KPPROF_A_CLIENT_COMM] = "client_comm",
	[KPPROF_A_HOOK_COUNTERS] = "counters",
	[KPPROF_A_HOOK_PROBES] = "probes",
	[KPPROF_A_NTARGETS] = "targets",
	[KPPROF_A_NARMS] = "arms",
	[KPPROF_A_NIMAGES] = "images",
	[KPPROF_A_IMAGE_BYTES] = "bytes",
	[KPPROF_A_IMAGE_MAX] = "bytes_max",
	[KPPROF_A_SAMPLES] = "samples",
	[KPPROF_A_LOST] = "lost",
	[KPPROF_A_UNTRACKED] = "untracked",
	[KPPROF_A_BUSY_NS] = "busy_ns",
	[KPPROF_A_NTHREADS] = "threads",
	[KPPROF_A_SCHED_EVENTS] = "sched_events",
	[KPPROF_A_SCHED_DROPPED] = "sched_dropped",
	[KPPROF_A_SCHED_BUSY_NS] = "sched_busy_ns",
	[KPPROF_A_BUDGET] = "budget",
	[KPPROF_A_SLOWED] = "slowed",
	[KPPROF_A_PID] = "pid",
	[KPPROF_A_TID] = "tid",
	[KPPROF_A_BEGIN] = "begin",
	[KPPROF_A_WOKEN] = "woken",
	[KPPROF_A_NS] = "ns",
	[KPPROF_A_COUNT] = "count",
	[KPPROF_A_HOOK_UPROBES] = "uprobes",
	[KPPROF_A_HOOK_RETURNS] = "returns",
	[KPPROF_A_HEAP_EVENTS] = "heap_events",
	[KPPROF_A_HEAP_BUSY_NS] = "heap_busy_ns",
};

static int print_attr(const struct nlattr *a, void *data)
{
	unsigned int type = mnl_attr_get_type(a);
	unsigned int len = mnl_attr_get_payload_len(a);

	if (type > KPPROF_A_MAX || !names[type])
		return MNL_CB_OK;
	if (data)
		printf("%s=%llu ", names[type],
		       (unsigned long long)(len == 4 ? mnl_attr_get_u32(a) : mnl_attr_get_u64(a)));
	else if (type == KPPROF_A_RELEASE || type == KPPROF_A_LISTEN ||
		 type == KPPROF_A_CLIENT_COMM)
		printf("%s='%s'\n", names[type], mnl_attr_get_str(a));
	else
		printf("%s=%llu\n", names[type],
		       (unsigned long long)(len == 4 ? mnl_attr_get_u32(a) : mnl_attr_get_u64(a)));
	return MNL_CB_OK;
}

static int print_status(const struct nlmsghdr *nlh, void *ctx)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), print_attr, ctx);
}

static int status(void)
{
	begin(family, KPPROF_CMD_STATUS);
	kpt_must(talk(print_status, NULL), "STATUS");
	return 0;
}

static int print_line(const struct nlmsghdr *nlh, void *ctx)
{
	int ret = mnl_attr_parse(nlh, sizeof(struct genlmsghdr), print_attr, ctx);

	puts("");
	return ret;
}

static int waits(void)
{
	static bool one_line = true;

	begin(family, KPPROF_CMD_WAITS)->nlmsg_flags |= NLM_F_DUMP;
	kpt_must(talk(print_line, &one_line), "WAITS");
	return 0;
}

/* ---- arm */

static int arm(unsigned int id, unsigned int hz, unsigned int pid)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_ARM);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, id);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, hz);
	if (pid)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, pid);
	else
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	return talk(NULL, NULL);
}

static void nap_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static int hold(unsigned int hz, const char *whom, long seconds)
{
	int err = arm(0, hz, (unsigned int)atoi(whom));

	kpt_must(err, "ARM");
	puts("armed");
	fflush(stdout);
	nap_ms(seconds * 1000);
	return 0;
}

static int watch(unsigned int id, unsigned int what, uint64_t rate, unsigned int pid)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_ARM);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, id);
	mnl_attr_put_u32(nlh, KPPROF_A_WATCH, what);
	mnl_attr_put_u64(nlh, KPPROF_A_RATE, rate);
	if (pid)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, pid);
	else
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	return talk(NULL, NULL);
}

static int hold_watch(char **argv)
{
	kpt_must(watch(0, (unsigned int)atoi(argv[0]), strtoull(argv[1], NULL, 0),
		       (unsigned int)atoi(argv[2])),
		 "ARM of a watch");
	puts("armed");
	fflush(stdout);
	nap_ms(atol(argv[3]) * 1000);
	return 0;
}

/* ---- cycles */

static int load(const char *ko)
{
	int fd = open(ko, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return err;
}

static int unload(void)
{
	int err = 0;

	/* A client that died is cleaned up by a worker, a moment later. */
	for (int i = 0; i < 200; i++) {
		err = syscall(SYS_delete_module, "kpprof", O_NONBLOCK) ? -errno : 0;
		if (err != -EWOULDBLOCK && err != -EBUSY)
			break;
		nap_ms(5);
	}
	return err;
}

/* One client's life, in a process of its own; every third one dies armed. */
static void live(unsigned int i, unsigned int pid, int armed)
{
	kpt_must(connect_module(), "connecting");
	kpt_must(arm(i % KPPROF_ARMS_MAX, 997, pid), "ARM");
	close(armed);
	if (i % 2)
		kpt_must(arm((i + 1) % KPPROF_ARMS_MAX, 499, 0), "ARM of the box");
	kpt_must(watch((i + 2) % KPPROF_ARMS_MAX, 1 + i % KPPROF_WATCH_ALL, i * 1000,
		       i % 4 ? 0 : pid),
		 "ARM of a watch");
	nap_ms(20);
	if (i % 3) {
		begin(family, KPPROF_CMD_DISARM);
		kpt_must(talk(NULL, NULL), "DISARM");
	}
	_exit(0);
}

static int cycles(unsigned int n, unsigned int pid, const char *ko)
{
	for (unsigned int i = 0; i < n; i++) {
		int st, fds[2];
		pid_t child;
		char none;

		kpt_must(load(ko), "loading");
		if (pipe(fds))
			return 1;
		child = fork();
		if (!child) {
			close(fds[0]);
			live(i, pid, fds[1]);
		}
		close(fds[1]);
		/* the other end is closed when it is armed, or dead */
		if (read(fds[0], &none, 1) < 0)
			return 1;
		close(fds[0]);
		if (i % 8 == 0) {
			if (!syscall(SYS_delete_module, "kpprof", O_NONBLOCK)) {
				fprintf(stderr, "kpt: cycle %u: unloaded while armed\n", i);
				return 1;
			}
		}
		waitpid(child, &st, 0);
		if (st) {
			fprintf(stderr, "kpt: cycle %u: the client failed\n", i);
			return 1;
		}
		kpt_must(unload(), "unloading");
	}
	printf("%u cycles\n", n);
	return 0;
}

/* ---- abuse */

static int failures;

void kpt_expect(const char *what, int have, int want)
{
	/* a refusal for a reason of ours has a text */
	if (have == want && (have != -EINVAL || *text || want == 0))
		return;
	fprintf(stderr, "kpt: %s: %s instead of %s (text: %s)\n", what, strerror(-have),
		strerror(-want), text);
	failures++;
}

static int image_begin(unsigned int id, unsigned int rows, unsigned int rules)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_IMAGE);

	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, id);
	mnl_attr_put_u32(nlh, KPPROF_A_NROWS, rows);
	mnl_attr_put_u32(nlh, KPPROF_A_NRULES, rules);
	return talk(NULL, NULL);
}

static int image_flag(unsigned int id, unsigned int flag)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_IMAGE);

	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, id);
	mnl_attr_put(nlh, (uint16_t)flag, 0, NULL);
	return talk(NULL, NULL);
}

static int image_rows(unsigned int id, unsigned int at, const uint32_t *pcs, const uint16_t *index,
		      unsigned int n)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_IMAGE);

	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, id);
	mnl_attr_put_u32(nlh, KPPROF_A_AT, at);
	mnl_attr_put(nlh, KPPROF_A_PCS, n * 4, pcs);
	mnl_attr_put(nlh, KPPROF_A_INDEX, n * 2, index);
	return talk(NULL, NULL);
}

static int image_rules(unsigned int id, unsigned int at, const struct kpprof_rule *rules,
		       unsigned int n)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_IMAGE);

	mnl_attr_put_u32(nlh, KPPROF_A_IMAGE, id);
	mnl_attr_put_u32(nlh, KPPROF_A_AT, at);
	mnl_attr_put(nlh, KPPROF_A_RULES, n * sizeof(*rules), rules);
	return talk(NULL, NULL);
}

static void abuse_images(void)
{
	static const uint32_t pcs[] = {0, 16, 32}, unsorted[] = {0, 32, 16};
	static const uint16_t index[] = {0, 1, 0}, beyond[] = {0, 1, 2};
	static const struct kpprof_rule rules[] = {{.kind = KPPROF_RULE_NONE},
						   {.kind = KPPROF_RULE_CFA, .reg = 7, .off = 8}};
	static const struct kpprof_rule unknown[] = {{.kind = KPPROF_RULE_NONE}, {.kind = 77}};

	kpt_expect("image 0", image_begin(0, 3, 2), -ERANGE);
	kpt_expect("no rows", image_begin(1, 0, 2), -EINVAL);
	kpt_expect("too many rows", image_begin(1, KPPROF_ROWS_MAX + 1, 2), -EINVAL);
	kpt_expect("over the cap", image_begin(1, KPPROF_ROWS_MAX, 2), -ENOSPC);
	kpt_expect("rows before the sizes", image_rows(1, 0, pcs, index, 3), -ENOENT);
	kpt_expect("an image", image_begin(1, 3, 2), 0);
	kpt_expect("the same again", image_begin(1, 3, 2), -EEXIST);
	kpt_expect("a part out of order", image_rows(1, 1, pcs, index, 2), -EINVAL);
	kpt_expect("a part too long", image_rows(1, 0, pcs, index, 4), -EINVAL);
	kpt_expect("done before its parts", image_flag(1, KPPROF_A_DONE), -EINVAL);
	kpt_expect("gone then", image_flag(1, KPPROF_A_DONE), -ENOENT);
	kpt_expect("unsorted: sizes", image_begin(1, 3, 2), 0);
	kpt_expect("unsorted: rules", image_rules(1, 0, rules, 2), 0);
	kpt_expect("unsorted: rows", image_rows(1, 0, unsorted, index, 3), 0);
	kpt_expect("unsorted", image_flag(1, KPPROF_A_DONE), -EINVAL);
	kpt_expect("index: sizes", image_begin(1, 3, 2), 0);
	kpt_expect("index: rules", image_rules(1, 0, rules, 2), 0);
	kpt_expect("index: rows", image_rows(1, 0, pcs, beyond, 3), 0);
	kpt_expect("an index beyond the rules", image_flag(1, KPPROF_A_DONE), -EINVAL);
	kpt_expect("rule: sizes", image_begin(1, 3, 2), 0);
	kpt_expect("rule: rules", image_rules(1, 0, unknown, 2), 0);
	kpt_expect("rule: rows", image_rows(1, 0, pcs, index, 3), 0);
	kpt_expect("an unknown rule", image_flag(1, KPPROF_A_DONE), -EINVAL);
	kpt_expect("good: sizes", image_begin(1, 3, 2), 0);
	kpt_expect("good: rules", image_rules(1, 0, rules, 2), 0);
	kpt_expect("good: rows", image_rows(1, 0, pcs, index, 3), 0);
	kpt_expect("good", image_flag(1, KPPROF_A_DONE), 0);
	kpt_expect("rows of a whole image", image_rows(1, 0, pcs, index, 3), -ENOENT);
}

static struct nlmsghdr *maps_begin(unsigned int pid)
{
	struct nlmsghdr *nlh = begin(family, KPPROF_CMD_MAPS);

	mnl_attr_put_u32(nlh, KPPROF_A_PID, pid);
	mnl_attr_put_u32(nlh, KPPROF_A_COOKIE, 1);
	return nlh;
}

void kpt_put_map(struct nlmsghdr *nlh, uint64_t start, uint64_t end, unsigned int image)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KPPROF_A_MAP);

	mnl_attr_put_u64(nlh, KPPROF_MAP_A_START, start);
	mnl_attr_put_u64(nlh, KPPROF_MAP_A_END, end);
	mnl_attr_put_u64(nlh, KPPROF_MAP_A_OFFSET, 0);
	mnl_attr_put_u32(nlh, KPPROF_MAP_A_IMAGE, image);
	mnl_attr_nest_end(nlh, nest);
}

static int one_map(uint64_t start, uint64_t end, unsigned int image)
{
	kpt_put_map(maps_begin((unsigned int)getpid()), start, end, image);
	return talk(NULL, NULL);
}

static void abuse_maps(void)
{
	struct nlmsghdr *nlh;
	struct nlattr *nest;

	kpt_expect("maps while nothing is armed", one_map(0x1000, 0x2000, 0), -EINVAL);
	kpt_expect("arming oneself", arm(0, 99, (unsigned int)getpid()), 0);
	kpt_expect("an empty mapping", one_map(0x1000, 0x1000, 0), -EINVAL);
	kpt_expect("a mapping beyond user space", one_map(0x1000, ~0ull, 0), -EINVAL);
	kpt_expect("an image that is not there", one_map(0x1000, 0x2000, 7), -ENOENT);
	kpt_expect("a mapping that is not there", one_map(0x1000, 0x2000, 1), -ESTALE);
	nlh = maps_begin((unsigned int)getpid());
	kpt_put_map(nlh, 0x3000, 0x4000, 0);
	kpt_put_map(nlh, 0x1000, 0x2000, 0);
	kpt_expect("unsorted mappings", talk(NULL, NULL), -EINVAL);
	maps_begin((unsigned int)getpid());
	kpt_expect("no mappings at all", talk(NULL, NULL), 0);
	maps_begin(2);
	kpt_expect("mappings of a kernel thread", talk(NULL, NULL), -ESRCH);
	maps_begin(0x7fffffff);
	kpt_expect("mappings of nobody", talk(NULL, NULL), -ESRCH);
	nlh = maps_begin((unsigned int)getpid());
	nest = mnl_attr_nest_start(nlh, KPPROF_A_MAP);
	mnl_attr_put_u64(nlh, KPPROF_MAP_A_START, 0x1000);
	mnl_attr_nest_end(nlh, nest);
	kpt_expect("half a mapping", talk(NULL, NULL), -EINVAL);
	nlh = maps_begin((unsigned int)getpid());
	mnl_attr_put_u64(nlh, KPPROF_A_MAP, 0);
	kpt_expect("a mapping that is no nest", talk(NULL, NULL), -EINVAL);
	nlh = maps_begin((unsigned int)getpid());
	mnl_attr_put(nlh, KPPROF_A_MORE, 0, NULL);
	kpt_expect("the first part of a list", talk(NULL, NULL), 0);
	maps_begin(1);
	kpt_expect("the list of another process meanwhile", talk(NULL, NULL), 0);
}

static void abuse_arms(void)
{
	struct nlmsghdr *nlh;

	kpt_expect("no such arm", arm(KPPROF_ARMS_MAX, 99, 1), -ERANGE);
	kpt_expect("no rate", arm(1, 0, 1), -ERANGE);
	kpt_expect("too fast", arm(1, KPPROF_HZ_MAX + 1, 1), -ERANGE);
	kpt_expect("nobody", arm(1, 99, 0x7fffffff), -ESRCH);
	kpt_expect("another rate for an arm", arm(0, 100, 1), -EINVAL);
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, 99);
	kpt_expect("no arm named", talk(NULL, NULL), -EINVAL);
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 1);
	mnl_attr_put_u16(nlh, KPPROF_A_HZ, 99);
	kpt_expect("a rate of two bytes", talk(NULL, NULL), -EINVAL);
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 1);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, 99);
	mnl_attr_put_u32(nlh, KPPROF_A_COOKIE, 1);
	kpt_expect("an attribute of another command", talk(NULL, NULL), -EINVAL);
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 1);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, 99);
	mnl_attr_put_u32(nlh, 900, 1);
	kpt_expect("an unknown attribute", talk(NULL, NULL), -EINVAL);
	kpt_expect("a watch of nothing", watch(1, 0, 0, 1), -ERANGE);
	kpt_expect("a watch of everything and more", watch(1, KPPROF_WATCH_ALL + 1, 0, 1), -ERANGE);
	kpt_expect("an arm as a watch", watch(0, KPPROF_WATCH_ALL, 0, 1), -EINVAL);
	kpt_expect("a watch", watch(1, KPPROF_WATCH_BLOCK, 1000, 1), 0);
	kpt_expect("with another rate", watch(1, KPPROF_WATCH_BLOCK, 2000, 1), 0);
	kpt_expect("with a rate too long", watch(1, KPPROF_WATCH_BLOCK, KPPROF_RATE_MAX + 1, 1),
		   -EINVAL);
	kpt_expect("for something else", watch(1, KPPROF_WATCH_MUTEX, 1000, 1), 0);
	kpt_expect("a watch as an arm", arm(1, 99, 1), -EINVAL);
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 2);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, 99);
	mnl_attr_put_u32(nlh, KPPROF_A_WATCH, 1);
	kpt_expect("an arm that is a watch", talk(NULL, NULL), -EINVAL);
	nlh = begin(family, KPPROF_CMD_DISARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 5);
	kpt_expect("disarming what is not armed", talk(NULL, NULL), -ENOENT);
	begin(family, KPPROF_CMD_EXIT);
	kpt_expect("an event as a command", talk(NULL, NULL), -EOPNOTSUPP);
	begin(family, 200);
	kpt_expect("an unknown command", talk(NULL, NULL), -EOPNOTSUPP);
	nlh = begin(family, KPPROF_CMD_LISTEN);
	memset(in, 'a', 300);
	mnl_attr_put(nlh, KPPROF_A_LISTEN, 300, in);
	kpt_expect("an address of 300 bytes", talk(NULL, NULL), -EINVAL);
	nlh = begin(family, KPPROF_CMD_LISTEN);
	mnl_attr_put(nlh, KPPROF_A_LISTEN, 4, "abcd");
	kpt_expect("an address without its end", talk(NULL, NULL), -EINVAL);
	/* An attribute longer than the message, and one cut off. */
	nlh = begin(family, KPPROF_CMD_ARM);
	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 1);
	((struct nlattr *)((char *)nlh + nlh->nlmsg_len - 8))->nla_len = 4000;
	kpt_expect("an attribute longer than its message", talk(NULL, NULL), -EINVAL);
}

static void abuse_threads(void)
{
	struct nlmsghdr *nlh;

	kpt_begin(KPPROF_CMD_THREADS, 0);
	kpt_expect("threads, not as a dump", talk(NULL, NULL), -EOPNOTSUPP);
	nlh = kpt_begin(KPPROF_CMD_THREADS, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, KPPROF_A_PID, 0x7fffffff);
	kpt_expect("threads of nobody", talk(NULL, NULL), 0);
	nlh = kpt_begin(KPPROF_CMD_THREADS, NLM_F_DUMP);
	mnl_attr_put_u16(nlh, KPPROF_A_PID, 1);
	kpt_expect("a process of two bytes", talk(NULL, NULL), -EINVAL);
	nlh = kpt_begin(KPPROF_CMD_THREADS, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, KPPROF_A_HZ, 1);
	kpt_expect("threads at a rate", talk(NULL, NULL), -EINVAL);
	nlh = kpt_begin(KPPROF_CMD_THREADS, NLM_F_DUMP);
	for (unsigned int i = 0; i <= KPPROF_THREAD_PIDS_MAX; i++)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, i);
	kpt_expect("threads of too many", talk(NULL, NULL), -E2BIG);
}

static int abuse(void)
{
	abuse_images();
	abuse_maps();
	abuse_arms();
	abuse_threads();
	kpt_heap_abuse();
	begin(family, KPPROF_CMD_DISARM);
	kpt_expect("DISARM", talk(NULL, NULL), 0);
	if (!failures)
		puts("refused as they must be");
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "text") && argc == 3)
		return kpt_text(argv[2]);
	if (!strcmp(what, "cycles") && argc == 5)
		return cycles((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]), argv[4]);
	if (!strcmp(what, "faults-load") && argc == 3)
		return kpt_faults_load(argv[2]);
	kpt_must(connect_module(), "connecting");
	if (!strcmp(what, "status"))
		return status();
	if (!strcmp(what, "arm") && argc == 5)
		return hold((unsigned int)atoi(argv[2]), argv[3], atol(argv[4]));
	if (!strcmp(what, "watch") && argc == 6)
		return hold_watch(argv + 2);
	if (!strcmp(what, "waits"))
		return waits();
	if (!strcmp(what, "probe") && argc > 5)
		return kpt_probe((unsigned int)atoi(argv[2]), argv[3], atol(argv[4]), argv + 5,
				 (unsigned int)argc - 5);
	if (!strcmp(what, "live") && argc > 4)
		return kpt_probe_live((unsigned int)atoi(argv[2]), argv[3], argv + 4,
				      (unsigned int)argc - 4);
	if (!strcmp(what, "heap") && argc == 3)
		return kpt_heap((unsigned int)atoi(argv[2]));
	if (!strcmp(what, "abuse"))
		return abuse();
	if (!strcmp(what, "random") && argc == 4)
		return kpt_random((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	if (!strcmp(what, "threads"))
		return kpt_threads(argv + 2, (unsigned int)argc - 2);
	if (!strcmp(what, "torn") && argc == 4)
		return kpt_threads_torn((unsigned int)atoi(argv[2]), argv[3]);
	if (!strcmp(what, "faults"))
		return kpt_faults(argc > 2 ? argv[2] : "");
	if (!strcmp(what, "faults-fork"))
		return kpt_faults_fork();
	fputs("usage: kpt status | arm HZ PID|box SECS | watch WHAT RATE PID|box SECS | waits |\n"
	      "       cycles N PID KO | abuse | random N SEED | threads [PID...] | torn N PID |\n"
	      "       text PID | probe RATE PID SECS PROBE... | live I PID PROBE... | heap ARM |\n"
	      "       faults [NAME] | faults-fork | faults-load KO\n",
	      stderr);
	return 2;
}
