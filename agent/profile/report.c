// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../locks/locks.h"
#include "../locks/waits.h"
#include "../threads/dump.h"
#include "frames.h"
#include "threadcreate.h"

/* Kernel frames by name and all others of one thread. */
enum { TEXT_FRAMES_MAX = PROFILE_STACK_MAX - USER_FRAMES_MAX - 1 };

int report_init(struct report *r)
{
	struct timespec now;

	*r = (struct report){0};
	places_init(&r->places, &r->profile);
	if (profile_init(&r->profile, 0))
		return -ENOMEM;
	if (intern_add(&r->stacks, "", 0) < 0)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &now);
	r->profile.sample_types[0] = (struct profile_value_type){"goroutine", "count"};
	r->profile.nvalues = 1;
	r->profile.period_type = r->profile.sample_types[0];
	r->profile.period = 1;
	r->profile.time_ns = (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec;
	return 0;
}

void report_deinit(struct report *r)
{
	places_deinit(&r->places);
	profile_deinit(&r->profile);
	intern_deinit(&r->stacks);
	buf_deinit(&r->of);
	locks_free(r->locks);
	buf_deinit(&r->all);
	for (unsigned int i = 0; i < r->nothers; i++)
		dump_free(r->others[i]);
	dump_free(r->dump);
	*r = (struct report){0};
}

const struct dump_thread *report_threads(const struct report *r, size_t *n)
{
	if (!r->nothers)
		return dump_threads(r->dump, n);
	*n = r->all.len / sizeof(struct dump_thread);
	return (const struct dump_thread *)(const void *)r->all.data;
}

static void gather(struct report *r, const struct dump *d)
{
	size_t n;
	const struct dump_thread *t = dump_threads(d, &n);

	if (n)
		buf_append(&r->all, t, n * sizeof(*t));
}

int report_locks(struct report *r)
{
	const struct dump_thread *t;
	size_t n;

	locks_free(r->locks);
	r->locks = NULL;
	buf_deinit(&r->all);
	if (r->nothers)
		gather(r, r->dump);
	for (unsigned int i = 0; i < r->nothers; i++)
		gather(r, r->others[i]);
	if (buf_error(&r->all))
		return -ENOMEM;
	t = report_threads(r, &n);
	return locks_read(t, n, true, &r->locks);
}

const uint32_t *report_stack(const struct report *r, uint32_t stack, size_t *n)
{
	const void *key = intern_key(&r->stacks, stack, n);

	*n /= sizeof(uint32_t);
	return key;
}

struct report_stack report_of(const struct report *r, size_t i)
{
	return ((const struct report_stack *)(const void *)r->of.data)[i];
}

/* Kernel frames that are known by name: a location has no address then. */
static int64_t locate_kernel(struct report *r, const char *text)
{
	uint32_t locations[TEXT_FRAMES_MAX];
	unsigned int n = 0;

	while (*text && n < TEXT_FRAMES_MAX) {
		size_t line = strcspn(text, "\n"), len = strcspn(text, "+\n");
		char name[256];
		int64_t loc;

		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		loc = profile_synthetic(&r->profile, name);
		if (loc < 0)
			return loc;
		locations[n++] = (uint32_t)loc;
		text += line + (text[line] == '\n');
	}
	return intern_add(&r->stacks, locations, n * sizeof(*locations));
}

/* What stands for a thread without any frame: one that has none is not a broken stack. */
static const char *no_frames(const struct dump_thread *t)
{
	if (t->kthread)
		return "[kernel thread]";
	if (t->state == 'Z' || t->state == 'X')
		return "[ended]";
	return "[no stack]";
}

static int64_t locate_user(struct report *r, const struct dump_thread *t)
{
	struct stack s = t->stack;
	uint32_t locations[FRAMES_MAX];
	int64_t n;

	if (s.nuser || s.nkernel) {
		if (s.end == KPPROF_END_NO_REGS)
			s.end = KPPROF_END_COMPLETE;
		n = frames_locate(&r->places, t->pid, &s, locations);
	} else {
		int64_t loc = profile_synthetic(&r->profile, no_frames(t));

		locations[0] = (uint32_t)loc;
		n = loc < 0 ? loc : 1;
	}
	return n < 0 ? n : intern_add(&r->stacks, locations, (size_t)n * sizeof(*locations));
}

static int64_t locate_creator(struct report *r, const struct armed_list *armed,
			      const struct dump_thread *t)
{
	uint32_t locations[FRAMES_MAX];
	int64_t n = 0;

	if (armed)
		n = threadcreate_creator(armed, t->pid, t->tid, &r->places, locations);
	return n < 0 ? n : intern_add(&r->stacks, locations, (size_t)n * sizeof(*locations));
}

int report_locate(struct report *r, const struct armed_list *armed)
{
	size_t n;
	const struct dump_thread *t = report_threads(r, &n);

	for (size_t i = 0; i < n; i++) {
		int64_t kernel = locate_kernel(r, t[i].kernel), user = locate_user(r, &t[i]);
		int64_t creator = locate_creator(r, armed, &t[i]);
		struct report_stack of = {(uint32_t)kernel, (uint32_t)user, (uint32_t)creator};

		if (kernel < 0 || user < 0 || creator < 0)
			return -ENOMEM;
		buf_append(&r->of, &of, sizeof(of));
		if (t[i].stack.process)
			places_weigh(&r->places, t[i].stack.process, t[i].stack.maps, 1);
	}
	places_choose_main(&r->places);
	return buf_error(&r->of);
}

const char *thread_state(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	case 'X':
		return "dead";
	case 'I':
		return "idle";
	default:
		return "other";
	}
}

const char *report_reason(const struct report *r, size_t i)
{
	size_t n;

	if (r->locks && *locks_wait(r->locks, i)->reason)
		return locks_wait(r->locks, i)->reason;
	return thread_state(dump_threads(r->dump, &n)[i].state);
}

size_t report_deadlocks(const struct report *r)
{
	return r->locks ? locks_deadlocks(r->locks) : 0;
}

static uint32_t string(struct profile *p, const char *text, int *err)
{
	int64_t i = profile_string(p, text);

	if (i < 0)
		*err = (int)i;
	return i < 0 ? 0 : (uint32_t)i;
}

/* What a thread's sample is labelled with; the number of labels. */
static unsigned int label(struct report *r, size_t i, const struct dump_thread *t, bool grouped,
			  struct profile_label *out, int *err)
{
	const char *wait = r->locks ? wait_kind_name(locks_wait(r->locks, i)->kind) : "";
	struct profile *p = &r->profile;
	unsigned int n = 0;

	/* A thread may have no name at all. */
	if (!grouped && *t->name)
		out[n++] = (struct profile_label){.key = string(p, "thread", err),
						  .str = string(p, t->name, err)};
	if (!grouped) {
		out[n++] = (struct profile_label){.key = string(p, "pid", err), .num = t->pid};
		out[n++] = (struct profile_label){.key = string(p, "tid", err), .num = t->tid};
	}
	out[n++] = (struct profile_label){.key = string(p, "state", err),
					  .str = string(p, thread_state(t->state), err)};
	if (*wait) {
		out[n++] = (struct profile_label){.key = string(p, "wait", err),
						  .str = string(p, wait, err)};
		out[n++] = (struct profile_label){.key = string(p, "reason", err),
						  .str = string(p, report_reason(r, i), err)};
	}
	if (t->stack.guesses)
		out[n++] = (struct profile_label){.key = string(p, "unwind", err),
						  .str = string(p, "[guessed]", err)};
	return n;
}

static int add_sample(struct report *r, size_t i, const struct dump_thread *t, bool grouped)
{
	struct report_stack of = report_of(r, i);
	struct profile_label labels[PROFILE_LABELS_MAX];
	uint32_t stack[PROFILE_STACK_MAX];
	const int64_t one = 1;
	size_t kernel, user;
	const uint32_t *k = report_stack(r, of.kernel, &kernel);
	const uint32_t *u = report_stack(r, of.user, &user);
	int err = 0;
	unsigned int nlabels = label(r, i, t, grouped, labels, &err);

	if (kernel + user > ARRAY_SIZE(stack))
		user = ARRAY_SIZE(stack) - kernel;
	if (kernel)
		memcpy(stack, k, kernel * sizeof(*k));
	memcpy(stack + kernel, u, user * sizeof(*u));
	if (err)
		return err;
	return profile_add(&r->profile, stack, (unsigned int)(kernel + user), labels, nlabels,
			   &one);
}

int report_samples(struct report *r, bool grouped)
{
	size_t n;
	const struct dump_thread *t = dump_threads(r->dump, &n);

	for (size_t i = 0; i < n; i++) {
		int err = add_sample(r, i, &t[i], grouped);

		if (err)
			return err;
	}
	return 0;
}
