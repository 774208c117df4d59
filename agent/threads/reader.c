// SPDX-License-Identifier: GPL-2.0-or-later
#include "reader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../base/privilege.h"
#include "../control/genl.h"
#include "../engine/process.h"
#include "../engine/record.h"
#include "../engine/user_stack.h"
#include "../image/maps.h"
#include "../image/store.h"
#include "dump.h"
#include "module.h"
#include "proc.h"
#include "sleeping.h"
#include "table.h"

enum {
	TEXT_MAX = 8192,
	/* A thread that wakes up so often while it is read is rather met on a CPU. */
	TRIES = 4,
	/* Quick looks at one that was not met there yet. */
	CATCHES = 8,
};

int reader_init(struct reader *r)
{

	r->pid = 0;
	r->task = -1;
	r->process = NULL;
	r->no_schedstat = false;
	if (r->what & DUMP_TIMES)
		task_clock_read(&r->clock);
	r->seen = malloc(sizeof(*r->seen));
	if (!r->seen)
		return -ENOMEM;
	r->module = module_thread_open();
	return 0;
}

static void turn_away(struct reader *r)
{
	if (r->task >= 0)
		close(r->task);
	r->task = -1;
	r->pid = 0;
	r->process = NULL;
}

void reader_deinit(struct reader *r)
{
	turn_away(r);
	genl_close(r->module);
	r->module = NULL;
	free(r->seen);
	r->seen = NULL;
}

/* Whether a process runs a 32-bit program. */
static bool is_compat(pid_t pid)
{
	unsigned char ident[EI_NIDENT] = {0};
	_cleanup_close_ int fd = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, ident, sizeof(ident)) == sizeof(ident) &&
	       memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32;
}

int reader_open(struct reader *r, pid_t pid)
{
	char path[32];

	if (r->pid == pid)
		return 0;
	turn_away(r);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	r->task = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->task < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r->process = processes_load(r->processes, pid);
	if (!r->process) {
		turn_away(r);
		return -ENOMEM;
	}
	r->pid = pid;
	r->compat = is_compat(pid);
	r->reloaded = false;
	return 0;
}

void reader_want_rows(struct reader *r)
{
	const struct maps *m = r->process->maps;

	for (uint32_t i = 0; m && i < m->n; i++)
		if (m->images[i])
			image_want_rows(m->images[i]);
}

/* A number that grows whenever the thread runs. */
static int runs_so_far(struct reader *r, pid_t tid, uint64_t *runs)
{
	char text[TEXT_MAX];
	ssize_t n;

	if (!r->no_schedstat) {
		n = proc_task_read(r->task, tid, "schedstat", text, sizeof(text));
		/* A kernel without CONFIG_SCHED_INFO has no such file, or has zeros in it: each
		 * thread has run at least once. */
		if (n > 0 && !proc_schedstat_parse(text, runs) && *runs)
			return 0;
		if (n == -ESRCH)
			return -ESRCH;
		r->no_schedstat = true;
	}
	n = proc_task_read(r->task, tid, "status", text, sizeof(text));
	return n < 0 ? (int)n : proc_switches_parse(text, runs);
}

static void read_time(const struct reader *r, struct dump_thread *t)
{
	char text[TEXT_MAX];
	uint64_t start;

	t->state_ns = 0;
	if (r->what & DUMP_TIMES && r->clock.works &&
	    proc_task_read(r->task, t->tid, "sched", text, sizeof(text)) > 0 &&
	    !proc_exec_start_parse(text, &start))
		t->state_ns = task_clock_ago(&r->clock, r->cpu, start);
}

/*
 * The mappings; those of a process whose first thread has ended are only to be seen through
 * another one, and code that was loaded after they were read is a reason to read them again.
 */
static struct maps *maps_for(struct reader *r, const struct dump_thread *t)
{
	if ((!r->process->maps || !r->process->maps->n) && !r->reloaded) {
		r->reloaded = true;
		process_reload_through(r->processes, r->process, t->tid);
	}
	return r->process->maps;
}

/* @seen: by the module; its stack is with it if the thread runs. */
static unsigned int walk_in(struct reader *r, struct maps *maps, const struct dump_thread *t,
			    const struct module_thread *seen, __u64 *pcs, struct kpprof_walk *w,
			    struct image **awaited)
{
	struct record_sample s = {.abi = PERF_SAMPLE_REGS_ABI_64, .user_ip = t->ip};

	if (!seen || !(seen->flags & KPPROF_THREAD_RUNNING))
		return sleeping_walk(r->store, t, maps, pcs, USER_FRAMES_MAX, w, awaited);
	memcpy(s.regs, t->regs, sizeof(s.regs));
	s.stack = seen->stack;
	s.stack_len = s.stack_asked = seen->nstack;
	return user_stack_walk(r->store, t->tid, maps, &s, pcs, USER_FRAMES_MAX, w, awaited);
}

static enum read_result walk(struct reader *r, struct dump_thread *t,
			     const struct module_thread *seen, struct stack *stack, __u64 *pcs)
{
	struct maps *maps = maps_for(r, t);
	struct kpprof_walk w = {.end = KPPROF_END_NO_MAPPING};
	struct image *awaited = NULL;
	bool compat = seen ? seen->flags & KPPROF_THREAD_COMPAT : t->compat;

	stack->user = pcs;
	stack->process = r->process;
	stack->maps = maps;
	if (compat || !maps) {
		stack->end = compat ? KPPROF_END_ABI : KPPROF_END_NO_MAPPING;
		pcs[0] = t->ip;
		stack->nuser = 1;
		t->note = compat ? "32-bit code: only where it is, not how it came there"
				 : "its mappings cannot be read";
		return READ_DONE;
	}
	stack->nuser = walk_in(r, maps, t, seen, pcs, &w, &awaited);
	if (w.end == KPPROF_END_NO_MAPPING && !r->reloaded) {
		r->reloaded = true;
		if (!process_reload_through(r->processes, r->process, t->tid))
			stack->nuser = walk_in(r, r->process->maps, t, seen, pcs, &w, &awaited);
		stack->maps = r->process->maps;
	}
	stack->end = w.end;
	stack->guesses = w.guesses;
	/* More stack than the module hands out. */
	if (w.end == KPPROF_END_NOT_DUMPED)
		return READ_RUNNING;
	if (!awaited)
		return READ_DONE;
	image_want_rows(awaited);
	return READ_ROWS;
}

static void take_syscall(struct dump_thread *t, const struct proc_syscall *s)
{
	t->known = !s->running;
	t->in_syscall = s->in_syscall;
	t->syscall = s->nr;
	memcpy(t->args, s->args, sizeof(t->args));
	t->sp = s->sp;
	t->ip = s->ip;
}

static bool has_no_place(struct dump_thread *t)
{
	bool dead = t->state == 'Z' || t->state == 'X';

	if (dead)
		t->note = t->tid == t->pid ? "it has ended" : "it has ended, and is about to go";
	return dead || t->kthread;
}

/* Where it is, for a thread that has a user half; its note says why it cannot be had. */
static enum read_result read_place(struct reader *r, struct dump_thread *t, struct stack *stack,
				   __u64 *pcs)
{
	struct proc_syscall s;
	char text[TEXT_MAX];
	ssize_t n;

	t->known = t->have_regs = false;
	if (has_no_place(t))
		return READ_DONE;
	n = proc_task_read(r->task, t->tid, "syscall", text, sizeof(text));
	if (n == -ESRCH)
		return READ_GONE;
	if (n < 0) {
		t->note = n == -ENOENT ? "this kernel has no /proc/PID/syscall"
				       : "the agent may not look at it";
		return READ_DONE;
	}
	if (proc_syscall_parse(text, &s)) {
		t->note = "what the kernel says of it makes no sense";
		return READ_DONE;
	}
	take_syscall(t, &s);
	if (s.running)
		return READ_RUNNING;
	/* No user registers: a kernel's helper, or one in the middle of execve() or exit(). */
	if (!s.ip && !s.sp)
		return READ_DONE;
	t->compat = r->compat;
	return walk(r, t, NULL, stack, pcs);
}

static void read_kernel(struct reader *r, const struct dump_thread *t, char *out, size_t size)
{
	_privilege_raised_ bool raised = r->what & DUMP_KERNEL && privilege_raise();
	char text[TEXT_MAX];

	out[0] = '\0';
	if (r->what & DUMP_KERNEL &&
	    proc_task_read(r->task, t->tid, "stack", text, sizeof(text)) > 0)
		proc_stack_parse(text, out, size);
}

static int read_stat(struct reader *r, struct dump_thread *t)
{
	struct proc_stat st;
	char text[TEXT_MAX];
	ssize_t n = proc_task_read(r->task, t->tid, "stat", text, sizeof(text));
	int err = n < 0 ? (int)n : proc_stat_parse(text, &st);

	if (err)
		return err;
	memcpy(t->name, st.name, sizeof(t->name));
	t->state = st.state;
	t->kthread = st.kthread;
	r->cpu = st.cpu;
	return 0;
}

/* What the module has seen of a thread. */
static void take_seen(const struct reader *r, struct dump_thread *t, const struct module_thread *m)
{
	memcpy(t->name, m->name, sizeof(t->name));
	t->state = m->state;
	t->kthread = m->flags & KPPROF_THREAD_KERNEL;
	t->state_ns = r->what & DUMP_TIMES ? m->state_ns : 0;
	t->have_regs = m->flags & KPPROF_THREAD_REGS;
	t->known = t->have_regs && !(m->flags & KPPROF_THREAD_RUNNING);
	t->queued = m->state == 'R' && !(m->flags & (KPPROF_THREAD_RUNNING | KPPROF_THREAD_MOVED));
	t->in_syscall = m->flags & KPPROF_THREAD_SYSCALL;
	t->syscall = m->nr;
	memcpy(t->args, m->args, sizeof(t->args));
	memcpy(t->regs, m->regs, sizeof(t->regs));
	t->ip = m->ip;
	t->sp = m->regs[KPPROF_REG_SP];
	t->compat = m->flags & (KPPROF_THREAD_COMPAT | KPPROF_THREAD_SYSCALL32);
}

/* As read_once(), by the module; what it says of a thread is of one moment. */
static enum read_result see_once(struct reader *r, struct dump_thread *t, bool *same)
{
	struct stack stack = {.end = KPPROF_END_NO_REGS, .process = NULL};
	struct module_thread *seen = r->seen;
	__u64 pcs[USER_FRAMES_MAX];
	char kernel[TEXT_MAX] = "";
	enum read_result result = READ_DONE;

	t->note = NULL;
	take_seen(r, t, seen);
	if (!has_no_place(t) && t->have_regs)
		result = walk(r, t, seen, &stack, pcs);
	if (seen->flags & KPPROF_THREAD_MOVED)
		result = READ_RUNNING;
	if (seen->flags & KPPROF_THREAD_RUNNING) {
		*same = true;
	} else {
		read_kernel(r, t, kernel, sizeof(kernel));
		*same = !t->known ||
			module_thread_slept(r->module, t->pid, t->tid, seen->generation);
	}
	table_place(r->table, t, &stack, kernel);
	return result;
}

/* Once; @same is false when it ran meanwhile. */
static enum read_result read_once(struct reader *r, struct dump_thread *t, bool *same)
{
	struct stack stack = {.end = KPPROF_END_NO_REGS};
	char kernel[TEXT_MAX];
	__u64 pcs[USER_FRAMES_MAX];
	uint64_t before, after;
	enum read_result result;

	if (r->module) {
		int err = module_thread_read(r->module, t->pid, t->tid, r->seen);

		if (!err || err == -ESRCH)
			return err ? READ_GONE : see_once(r, t, same);
		/* A module that does not know the command. */
		genl_close(r->module);
		r->module = NULL;
	}
	t->note = NULL;
	*same = true;
	if (runs_so_far(r, t->tid, &before) || read_stat(r, t))
		return READ_GONE;
	/* Read once more, after it was waited for: it runs, was never met, and got no CPU. */
	t->queued = t->state == 'R' && t->runs == before;
	t->runs = before;
	result = read_place(r, t, &stack, pcs);
	if (result == READ_GONE)
		return result;
	/* It has gone to sleep between the two. */
	if (t->known && t->state == 'R')
		read_stat(r, t);
	read_time(r, t);
	read_kernel(r, t, kernel, sizeof(kernel));
	if (runs_so_far(r, t->tid, &after)) {
		t->note = "it ended while it was read";
		after = before;
	}
	*same = before == after;
	table_place(r->table, t, &stack, kernel);
	return result;
}

enum read_result reader_thread(struct reader *r, struct dump_thread *t)
{
	enum read_result result = READ_GONE;
	bool same = false;

	for (unsigned int i = 0; i < TRIES && !same; i++) {
		result = read_once(r, t, &same);
		/* What runs now will hardly sleep in a moment. */
		if (result == READ_GONE || result == READ_RUNNING)
			return result;
	}
	if (same)
		return result;
	t->known = false;
	return READ_RUNNING;
}

enum read_result reader_catch(struct reader *r, struct dump_thread *t)
{
	struct stack stack = {.end = KPPROF_END_NO_REGS};
	__u64 pcs[USER_FRAMES_MAX];
	uint64_t before, after;
	enum read_result result = READ_RUNNING;

	for (unsigned int i = 0; i < CATCHES; i++) {
		t->note = NULL;
		if (runs_so_far(r, t->tid, &before))
			return READ_GONE;
		result = read_place(r, t, &stack, pcs);
		if (result == READ_GONE || runs_so_far(r, t->tid, &after))
			return READ_GONE;
		if (result == READ_RUNNING || before != after)
			continue;
		/* By now it may be somewhere else again; where it was found, it slept. */
		if (t->state == 'R')
			t->state = 'S';
		t->state_ns = 0;
		table_place(r->table, t, &stack, NULL);
		return result;
	}
	t->known = false;
	return READ_RUNNING;
}
