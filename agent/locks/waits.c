// SPDX-License-Identifier: GPL-2.0-or-later
#include "waits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../engine/find.h"
#include "../threads/dump.h"
#include "fds.h"
#include "futex.h"

/* Where the detail of a wait comes from. */
enum shape {
	SHAPE_NONE,
	SHAPE_READ,	    /* first argument is a descriptor that is read */
	SHAPE_WRITE,	    /* same, written */
	SHAPE_POLL,	    /* second is a number of descriptors */
	SHAPE_SELECT,	    /* first is one more than the largest, then three sets */
	SHAPE_EPOLL,	    /* first is the epoll instance */
	SHAPE_SLEEP,	    /* first points to the time */
	SHAPE_CLOCK,	    /* clock, flags, time */
	SHAPE_FLOCK,	    /* first is the file */
	SHAPE_FCNTL,	    /* file, command */
	SHAPE_CHILD,	    /* first is the child */
	SHAPE_SIGNAL,	    /* waits for a signal */
	SHAPE_TIMED_SIGNAL, /* same, unless the third is a time */
};

struct call {
	long nr;
	enum wait_kind kind;
	enum shape shape;
	const char *reason;
};

/* System calls that sleep. Those of old architectures only are missing on new ones. */
static const struct call calls[] = {
	{SYS_read, WAIT_IO, SHAPE_READ, "read"},
	{SYS_readv, WAIT_IO, SHAPE_READ, "read"},
	{SYS_pread64, WAIT_IO, SHAPE_READ, "read"},
	{SYS_preadv, WAIT_IO, SHAPE_READ, "read"},
	{SYS_preadv2, WAIT_IO, SHAPE_READ, "read"},
	{SYS_write, WAIT_IO, SHAPE_WRITE, "write"},
	{SYS_writev, WAIT_IO, SHAPE_WRITE, "write"},
	{SYS_pwrite64, WAIT_IO, SHAPE_WRITE, "write"},
	{SYS_pwritev, WAIT_IO, SHAPE_WRITE, "write"},
	{SYS_pwritev2, WAIT_IO, SHAPE_WRITE, "write"},
	{SYS_sendfile, WAIT_IO, SHAPE_WRITE, "sendfile"},
	{SYS_splice, WAIT_IO, SHAPE_READ, "splice"},
	{SYS_fsync, WAIT_IO, SHAPE_WRITE, "fsync"},
	{SYS_fdatasync, WAIT_IO, SHAPE_WRITE, "fsync"},
	{SYS_ioctl, WAIT_IO, SHAPE_READ, "ioctl"},
	{SYS_openat, WAIT_IO, SHAPE_NONE, "open"},
	{SYS_io_getevents, WAIT_IO, SHAPE_NONE, "aio wait"},
	{426 /* io_uring_enter */, WAIT_IO, SHAPE_READ, "io_uring wait"},
	{SYS_accept, WAIT_NET, SHAPE_READ, "accept"},
	{SYS_accept4, WAIT_NET, SHAPE_READ, "accept"},
	{SYS_connect, WAIT_NET, SHAPE_WRITE, "connect"},
	{SYS_recvfrom, WAIT_NET, SHAPE_READ, "recv"},
	{SYS_recvmsg, WAIT_NET, SHAPE_READ, "recv"},
	{SYS_recvmmsg, WAIT_NET, SHAPE_READ, "recv"},
	{SYS_sendto, WAIT_NET, SHAPE_WRITE, "send"},
	{SYS_sendmsg, WAIT_NET, SHAPE_WRITE, "send"},
	{SYS_sendmmsg, WAIT_NET, SHAPE_WRITE, "send"},
	{SYS_epoll_pwait, WAIT_POLL, SHAPE_EPOLL, "epoll wait"},
	{441 /* epoll_pwait2 */, WAIT_POLL, SHAPE_EPOLL, "epoll wait"},
	{SYS_ppoll, WAIT_POLL, SHAPE_POLL, "poll"},
	{SYS_pselect6, WAIT_POLL, SHAPE_SELECT, "select"},
	{SYS_nanosleep, WAIT_SLEEP, SHAPE_SLEEP, "sleep"},
	{SYS_clock_nanosleep, WAIT_SLEEP, SHAPE_CLOCK, "sleep"},
	{SYS_flock, WAIT_LOCK, SHAPE_FLOCK, "flock"},
	{SYS_fcntl, WAIT_LOCK, SHAPE_FCNTL, "fcntl lock"},
	{SYS_wait4, WAIT_OTHER, SHAPE_CHILD, "wait for child"},
	{SYS_waitid, WAIT_OTHER, SHAPE_NONE, "wait for child"},
	{SYS_rt_sigsuspend, WAIT_OTHER, SHAPE_SIGNAL, "signal wait"},
	{SYS_rt_sigtimedwait, WAIT_OTHER, SHAPE_TIMED_SIGNAL, "signal wait"},
	{SYS_semop, WAIT_LOCK, SHAPE_NONE, "System V semaphore"},
	{SYS_semtimedop, WAIT_LOCK, SHAPE_NONE, "System V semaphore"},
	{SYS_msgrcv, WAIT_OTHER, SHAPE_NONE, "message queue"},
	{SYS_msgsnd, WAIT_OTHER, SHAPE_NONE, "message queue"},
	{SYS_mq_timedreceive, WAIT_OTHER, SHAPE_NONE, "message queue"},
	{SYS_mq_timedsend, WAIT_OTHER, SHAPE_NONE, "message queue"},
	{SYS_clone, WAIT_OTHER, SHAPE_NONE, "vfork wait"},
	{435 /* clone3 */, WAIT_OTHER, SHAPE_NONE, "vfork wait"},
	{SYS_restart_syscall, WAIT_SLEEP, SHAPE_NONE, "sleep"},
	{SYS_futex, WAIT_LOCK, SHAPE_NONE, "futex wait"},
	{449 /* futex_waitv */, WAIT_LOCK, SHAPE_NONE, "futex wait"},
	{455 /* futex_wait */, WAIT_LOCK, SHAPE_NONE, "futex wait"},
#ifdef SYS_epoll_wait
	{SYS_epoll_wait, WAIT_POLL, SHAPE_EPOLL, "epoll wait"},
	{SYS_poll, WAIT_POLL, SHAPE_POLL, "poll"},
	{SYS_select, WAIT_POLL, SHAPE_SELECT, "select"},
	{SYS_pause, WAIT_OTHER, SHAPE_SIGNAL, "signal wait"},
	{SYS_open, WAIT_IO, SHAPE_NONE, "open"},
	{SYS_vfork, WAIT_OTHER, SHAPE_NONE, "vfork wait"},
#endif
};

const char *wait_kind_name(enum wait_kind k)
{
	static const char *const names[] = {
#define K(id, text) [WAIT_##id] = text,
		KPPROF_WAIT_KINDS(K)
#undef K
	};

	return names[k];
}

static const struct call *find_call(long nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

static bool is_file_lock(const uint64_t args[6])
{
	return (int)args[1] == F_SETLKW || (int)args[1] == F_OFD_SETLKW;
}

enum wait_kind wait_call_kind(long nr, const uint64_t args[6])
{
	const struct call *call = find_call(nr);

	if (!call)
		return WAIT_OTHER;
	return call->shape == SHAPE_FCNTL && !is_file_lock(args) ? WAIT_IO : call->kind;
}

static void set(struct wait_reason *out, enum wait_kind kind, const char *reason)
{
	out->kind = kind;
	out->reason = reason;
}

/* Bits in three sets of @n descriptors each. */
static int count_selected(const struct space *s, const uint64_t args[6])
{
	enum { SELECT_MAX = 1024 };
	unsigned int n = args[0] > SELECT_MAX ? SELECT_MAX : (unsigned int)args[0];
	uint64_t all[SELECT_MAX / 64] = {0};
	size_t words = (n + 63) / 64;
	int count = 0;

	for (int set_i = 1; set_i <= 3; set_i++) {
		uint64_t set_bits[SELECT_MAX / 64];

		if (!args[set_i] || !words)
			continue;
		if (s->read(s, args[set_i], set_bits, words * sizeof(*set_bits)))
			return -1;
		for (size_t k = 0; k < words; k++)
			all[k] |= set_bits[k];
	}
	for (size_t k = 0; k < words; k++)
		count += __builtin_popcountll(all[k]);
	return count;
}

static void describe_count(struct wait_reason *out, int n)
{
	if (n >= 0)
		snprintf(out->detail, sizeof(out->detail), "%d descriptor%s", n, n == 1 ? "" : "s");
}

static bool read_time(const struct space *s, uint64_t addr, double *seconds)
{
	int64_t ts[2];

	if (s->read(s, addr, ts, sizeof(ts)) || ts[0] < 0 || ts[1] < 0 ||
	    ts[1] >= (int64_t)NSEC_PER_SEC)
		return false;
	*seconds = (double)ts[0] + (double)ts[1] / NSEC_PER_SEC;
	return true;
}

static void describe_sleep(const struct space *s, const struct dump_thread *t, uint64_t addr,
			   struct wait_reason *out)
{
	double seconds, left;

	if (!read_time(s, addr, &seconds))
		return;
	left = seconds - (double)t->state_ns / NSEC_PER_SEC;
	if (t->state_ns && left >= 0)
		snprintf(out->detail, sizeof(out->detail), "%.1f s left of %.1f s", left, seconds);
	else
		snprintf(out->detail, sizeof(out->detail), "%.1f s", seconds);
}

static void describe_clock(const struct space *s, const struct dump_thread *t,
			   struct wait_reason *out)
{
	struct timespec now;
	double until, left;

	if (!((int)t->args[1] & TIMER_ABSTIME)) {
		describe_sleep(s, t, t->args[2], out);
		return;
	}
	/* A clock of the thread's own cannot be read by others. */
	if (t->args[0] > CLOCK_TAI || t->args[0] == CLOCK_PROCESS_CPUTIME_ID ||
	    clock_gettime((clockid_t)t->args[0], &now) || !read_time(s, t->args[2], &until))
		return;
	left = until - (double)now.tv_sec - (double)now.tv_nsec / NSEC_PER_SEC;
	snprintf(out->detail, sizeof(out->detail), "%.1f s left", left > 0 ? left : 0);
}

/* What of a descriptor is known decides the kind: a read may be one of a file, pipe or socket. */
static void describe_fd(const struct dump_thread *t, struct fds *fds, bool write,
			struct wait_reason *out)
{
	char text[FD_TEXT_MAX];

	out->fd = (unsigned int)t->args[0];
	if (!fds)
		return;
	out->kind = fd_describe(fds, t->pid, out->fd, write, text);
	snprintf(out->detail, sizeof(out->detail), "%s", text);
}

static void describe_file_lock(const struct dump_thread *t, struct fds *fds,
			       struct wait_reason *out)
{
	describe_fd(t, fds, true, out);
	out->kind = WAIT_LOCK;
	out->file_lock = true;
}

static void describe_fcntl(const struct dump_thread *t, struct fds *fds, struct wait_reason *out)
{
	if (is_file_lock(t->args)) {
		describe_file_lock(t, fds, out);
		return;
	}
	set(out, WAIT_IO, "fcntl");
	describe_fd(t, fds, true, out);
}

static void describe_epoll(const struct dump_thread *t, const struct fds *fds,
			   struct wait_reason *out)
{
	int n = !fds ? -1 : fd_watched(t->pid, (unsigned int)t->args[0]);

	out->fd = (unsigned int)t->args[0];
	describe_count(out, n);
}

static void describe_child(const struct dump_thread *t, struct wait_reason *out)
{
	if ((int)t->args[0] > 0)
		snprintf(out->detail, sizeof(out->detail), "process %d", (int)t->args[0]);
}

static void describe_shape(const struct space *s, const struct dump_thread *t, struct fds *fds,
			   enum shape shape, struct wait_reason *out)
{
	switch (shape) {
	case SHAPE_NONE:
		break;
	case SHAPE_READ:
	case SHAPE_WRITE:
		describe_fd(t, fds, shape == SHAPE_WRITE, out);
		break;
	case SHAPE_POLL:
		describe_count(out, t->args[1] <= INT32_MAX ? (int)t->args[1] : -1);
		break;
	case SHAPE_SELECT:
		describe_count(out, count_selected(s, t->args));
		break;
	case SHAPE_EPOLL:
		describe_epoll(t, fds, out);
		break;
	case SHAPE_SLEEP:
		describe_sleep(s, t, t->args[0], out);
		break;
	case SHAPE_CLOCK:
		describe_clock(s, t, out);
		break;
	case SHAPE_FLOCK:
		describe_file_lock(t, fds, out);
		break;
	case SHAPE_FCNTL:
		describe_fcntl(t, fds, out);
		break;
	case SHAPE_CHILD:
		describe_child(t, out);
		break;
	case SHAPE_SIGNAL:
		out->signal = true;
		break;
	case SHAPE_TIMED_SIGNAL:
		out->signal = t->args[2] == 0;
		break;
	}
}

/* The restart of a call that a signal interrupted does not say which one: the kernel function does.
 */
static void describe_restart(const struct dump_thread *t, struct wait_reason *out)
{
	_cleanup_buf_ struct buf wchan = {0};
	char name[64];

	snprintf(name, sizeof(name), "task/%d/wchan", (int)t->tid);
	if (proc_read(t->pid, name, 256, &wchan))
		return;
	if (strstr(wchan.data, "poll"))
		set(out, WAIT_POLL, "poll");
	else if (strstr(wchan.data, "futex"))
		set(out, WAIT_LOCK, "futex wait");
}

static void describe_call(const struct space *s, const struct dump_thread *t, struct fds *fds,
			  struct wait_reason *out)
{
	const struct call *call = find_call(t->syscall);

	if (call) {
		set(out, call->kind, call->reason);
		describe_shape(s, t, fds, call->shape, out);
		if (t->syscall == SYS_restart_syscall)
			describe_restart(t, out);
	} else {
		set(out, WAIT_OTHER, "system call");
		snprintf(out->detail, sizeof(out->detail), "number %ld", t->syscall);
	}
	/* Asleep without being interruptible: what it waits for is below the descriptor. */
	if (t->state == 'D' && (out->kind == WAIT_IO || out->kind == WAIT_OTHER) &&
	    strcmp(out->reason, "vfork wait") != 0)
		set(out, WAIT_DISK, "disk sleep");
	out->pausing = out->signal || out->kind == WAIT_SLEEP;
}

static void describe_asleep(const struct space *s, const struct dump_thread *t, struct fds *fds,
			    struct wait_reason *out)
{
	if (t->known && t->in_syscall && !t->compat)
		describe_call(s, t, fds, out);
	else if (t->known && t->in_syscall)
		set(out, WAIT_OTHER, "system call");
	else if (t->known)
		set(out, WAIT_FAULT, "page fault");
	else if (t->state == 'D')
		set(out, WAIT_DISK, "disk sleep");
	else
		set(out, WAIT_OTHER, "sleeping");
}

void wait_reason(const struct space *s, const struct dump_thread *t, struct fds *fds,
		 struct wait_reason *out)
{
	memset(out, 0, sizeof(*out));
	set(out, WAIT_NONE, "");
	switch (t->state) {
	case 'S':
	case 'D':
		describe_asleep(s, t, fds, out);
		break;
	case 'R':
		if (t->queued)
			set(out, WAIT_RUNQUEUE, "runnable");
		else
			set(out, WAIT_NONE, "running");
		break;
	case 'T':
		set(out, WAIT_OTHER, "stopped");
		break;
	case 't':
		set(out, WAIT_OTHER, "traced");
		break;
	case 'Z':
	case 'X':
		set(out, WAIT_NONE, "zombie");
		break;
	case 'I':
		set(out, WAIT_OTHER, "idle");
		break;
	default:
		set(out, WAIT_OTHER, "unknown");
	}
}
