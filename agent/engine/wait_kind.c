// SPDX-License-Identifier: GPL-2.0-or-later
#include "wait_kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/perf_event.h>

#include "../base/buf.h"
#include "../base/cleanup.h"

/*
 * Functions of Linux 5.10 to 7.2 that a waiting thread is in. A name that ends in '*' is the
 * beginning of one; the compiler's endings (".part.0") do not count. Those of the system call
 * proper are there for what sleeps in a function that is inlined, or has no name of its own here.
 */
static const struct {
	const char *name;
	uint32_t what;
} known[] = {
	{"asm_exc_page_fault", KFUNC_FAULT},
	{"exc_page_fault", KFUNC_FAULT},
	{"handle_mm_fault", KFUNC_FAULT},
	{"handle_userfault", KFUNC_FAULT},
	{"do_futex", KFUNC_FUTEX},
	{"__x64_sys_futex", KFUNC_FUTEX},
	{"__do_sys_futex", KFUNC_FUTEX},
	{"futex_wake*", KFUNC_FUTEX},
	{"futex_requeue", KFUNC_FUTEX},
	{"futex_unlock_pi", KFUNC_FUTEX},
	{"futex_wait*", KFUNC_FUTEX | KFUNC_FUTEX_WAIT},
	{"__futex_wait", KFUNC_FUTEX | KFUNC_FUTEX_WAIT},
	{"futex_lock_pi", KFUNC_FUTEX | KFUNC_FUTEX_WAIT},
	{"locks_lock_inode_wait", KFUNC_LOCK},
	{"fcntl_setlk", KFUNC_LOCK},
	{"do_semtimedop", KFUNC_LOCK},
	{"__do_semtimedop", KFUNC_LOCK},
	{"do_sys_poll", KFUNC_POLL},
	{"do_select", KFUNC_POLL},
	{"ep_poll", KFUNC_POLL},
	{"do_epoll_wait", KFUNC_POLL},
	{"io_cqring_wait", KFUNC_POLL},
	{"do_nanosleep", KFUNC_SLEEP},
	{"hrtimer_nanosleep", KFUNC_SLEEP},
	{"__x64_sys_pause", KFUNC_SLEEP},
	{"__do_sys_pause", KFUNC_SLEEP},
	{"sigsuspend", KFUNC_SLEEP},
	{"do_sigtimedwait", KFUNC_SLEEP},
	{"pipe_read", KFUNC_PIPE},
	{"pipe_write", KFUNC_PIPE},
	{"anon_pipe_read", KFUNC_PIPE},
	{"anon_pipe_write", KFUNC_PIPE},
	{"fifo_open", KFUNC_PIPE},
	{"sock_recvmsg", KFUNC_NET},
	{"sock_sendmsg", KFUNC_NET},
	{"__sock_sendmsg", KFUNC_NET},
	{"sock_read_iter", KFUNC_NET},
	{"sock_write_iter", KFUNC_NET},
	{"__sys_connect*", KFUNC_NET},
	{"__sys_accept4*", KFUNC_NET},
	{"do_accept", KFUNC_NET},
	{"__sys_recvfrom", KFUNC_NET},
	{"__sys_sendto", KFUNC_NET},
	{"___sys_recvmsg", KFUNC_NET},
	{"___sys_sendmsg", KFUNC_NET},
	{"__sys_recvmmsg", KFUNC_NET},
	{"do_recvmmsg", KFUNC_NET},
	{"inet_csk_accept", KFUNC_NET},
	{"inet_stream_connect", KFUNC_NET},
	{"unix_stream_read_generic", KFUNC_NET},
	{"tcp_recvmsg*", KFUNC_NET},
	{"tcp_sendmsg*", KFUNC_NET},
	{"io_schedule*", KFUNC_DISK},
	{"blk_io_schedule", KFUNC_DISK},
	{"bit_wait_io*", KFUNC_DISK},
	{"folio_wait_*", KFUNC_DISK},
	{"wait_on_page_*", KFUNC_DISK},
	{"__wait_on_buffer", KFUNC_DISK},
	{"submit_bio_wait", KFUNC_DISK},
	{"jbd2_log_wait_commit", KFUNC_DISK},
	{"vfs_fsync_range", KFUNC_DISK},
	{"do_fsync", KFUNC_DISK},
	{"ksys_sync", KFUNC_DISK},
	{"vfs_read*", KFUNC_IO},
	{"vfs_write*", KFUNC_IO},
	{"vfs_iter_*", KFUNC_IO},
	{"ksys_read", KFUNC_IO},
	{"ksys_write", KFUNC_IO},
	{"do_readv", KFUNC_IO},
	{"do_writev", KFUNC_IO},
	{"do_sendfile", KFUNC_IO},
	{"do_splice", KFUNC_IO},
	{"do_sys_openat2", KFUNC_IO},
	{"__x64_sys_ioctl", KFUNC_IO},
	{"read_events", KFUNC_IO},
	{"asm_sysvec_*", KFUNC_INTERRUPT},
	{"asm_common_interrupt", KFUNC_INTERRUPT},
	{"do_exit", KFUNC_EXIT},
	{"mm_release", KFUNC_EXIT},
};

/* What decides when a chain says more than one thing: the first. */
static const struct {
	uint32_t what;
	enum wait_kind kind;
} order[] = {
	{KFUNC_FAULT, WAIT_FAULT}, {KFUNC_FUTEX_WAIT | KFUNC_FUTEX | KFUNC_LOCK, WAIT_LOCK},
	{KFUNC_POLL, WAIT_POLL},   {KFUNC_SLEEP, WAIT_SLEEP},
	{KFUNC_PIPE, WAIT_PIPE},   {KFUNC_NET, WAIT_NET},
	{KFUNC_DISK, WAIT_DISK},   {KFUNC_IO, WAIT_IO},
};

static bool matches(const char *pattern, const char *name)
{
	size_t len;

	/* There are 100 000 names, and most end here. */
	if (*pattern != *name)
		return false;
	len = strcspn(pattern, "*");
	if (strncmp(pattern, name, len) != 0)
		return false;
	return pattern[len] || !name[len] || name[len] == '.';
}

static uint32_t what_is(const char *name)
{
	uint32_t what = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (matches(known[i].name, name))
			what |= known[i].what;
	return what;
}

static int by_address(const void *a, const void *b)
{
	const struct kfunc *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* All functions are read, because each ends where the next one begins, and the file is not sorted
 * over all modules. */
static int read_all(struct buf *all, FILE *kallsyms)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, kallsyms) > 0) {
		char *end;
		struct kfunc f = {.start = strtoull(line, &end, 16)};

		if (!f.start || end[0] != ' ' || !end[1] || !strchr("tTwW", end[1]) ||
		    end[2] != ' ')
			continue;
		end[3 + strcspn(end + 3, "\t\n")] = '\0';
		f.what = what_is(end + 3);
		buf_append(all, &f, sizeof(f));
	}
	if (ferror(kallsyms))
		return -EIO;
	return buf_error(all) ? buf_error(all) : all->len ? 0 : -ENOENT;
}

int wait_kinds_read(struct wait_kinds *k, FILE *kallsyms)
{
	_cleanup_buf_ struct buf all = {.max = 64 << 20};
	int err = read_all(&all, kallsyms);
	struct kfunc *f = (void *)all.data;
	size_t n = all.len / sizeof(*f), kept = 0;

	if (err)
		return err;
	qsort(f, n, sizeof(*f), by_address);
	for (size_t i = 0; i < n; i++) {
		size_t next = i + 1;

		/* Other names of the same function. */
		while (next < n && f[next].start == f[i].start)
			f[i].what |= f[next++].what;
		f[i].end = next < n ? f[next].start : f[i].start + 4096;
		if (f[i].what)
			f[kept++] = f[i];
		i = next - 1;
	}
	k->funcs = malloc(kept ? kept * sizeof(*f) : 1);
	if (!k->funcs)
		return -ENOMEM;
	memcpy(k->funcs, f, kept * sizeof(*f));
	k->n = kept;
	return 0;
}

void wait_kinds_deinit(struct wait_kinds *k)
{
	free(k->funcs);
	*k = (struct wait_kinds){0};
}

static uint32_t at_address(const struct wait_kinds *k, uint64_t ip)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->funcs[mid].end <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n && k->funcs[lo].start <= ip ? k->funcs[lo].what : 0;
}

uint32_t wait_kinds_chain(const struct wait_kinds *k, const void *chain, uint64_t n)
{
	uint32_t what = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t ip;

		memcpy(&ip, (const char *)chain + i * sizeof(ip), sizeof(ip));
		if (ip < (uint64_t)PERF_CONTEXT_MAX)
			/* A return address may be that of the next function: the call is before. */
			what |= at_address(k, ip - 1);
	}
	return what;
}

uint32_t wait_kinds_text(const char *text)
{
	uint32_t what = 0;
	char name[128];

	while (text && *text) {
		size_t len = strcspn(text, "+ \n");

		if (len < sizeof(name)) {
			memcpy(name, text, len);
			name[len] = '\0';
			what |= what_is(name);
		}
		text = strchr(text, '\n');
		text += text ? 1 : 0;
	}
	return what;
}

enum wait_kind wait_kind(uint32_t what, bool disk_state)
{
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (what & order[i].what)
			return order[i].kind;
	return disk_state ? WAIT_DISK : WAIT_OTHER;
}
