// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/engine: waits as the module tells of them: records, kinds, rates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <linux/futex.h>
#include <linux/perf_event.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../../agent/engine/kmod_watch.h"
#include "../../agent/engine/module_waits.h"
#include "../../agent/engine/parts.h"
#include "../../agent/engine/record.h"
#include "../../agent/engine/wait_call.h"

/* ---- what was waited for */

static enum wait_kind kind(long nr, uint32_t mode, uint32_t flags)
{
	static const uint64_t args[6] = {3};

	return wait_call(&(struct wait_call){nr, args, mode, flags, false});
}

static void test_kinds(void **state)
{
	static const uint64_t lock[6] = {3, F_SETLKW}, ask[6] = {3, F_GETLK};
	const uint32_t asleep = 0, disk = KPPROF_SCHED_DEEP | KPPROF_SCHED_IOWAIT;

	(void)state;
	assert_int_equal(kind(SYS_futex, 0, asleep), WAIT_LOCK);
	assert_int_equal(kind(SYS_read, S_IFIFO, asleep), WAIT_PIPE);
	assert_int_equal(kind(SYS_read, S_IFSOCK, asleep), WAIT_NET);
	assert_int_equal(kind(SYS_read, S_IFCHR, asleep), WAIT_IO);
	assert_int_equal(kind(SYS_read, 0, asleep), WAIT_IO);
	assert_int_equal(kind(SYS_read, S_IFREG, disk), WAIT_DISK);
	assert_int_equal(kind(SYS_fsync, S_IFREG, disk), WAIT_DISK);
	assert_int_equal(kind(SYS_read, S_IFSOCK, disk), WAIT_NET);
	assert_int_equal(kind(SYS_accept4, S_IFSOCK, asleep), WAIT_NET);
	assert_int_equal(kind(SYS_epoll_wait, 0, asleep), WAIT_POLL);
	assert_int_equal(kind(426, 0, asleep), WAIT_POLL);
	assert_int_equal(kind(SYS_clock_nanosleep, 0, asleep), WAIT_SLEEP);
	assert_int_equal(kind(SYS_rt_sigtimedwait, 0, asleep), WAIT_SLEEP);
	assert_int_equal(kind(SYS_wait4, 0, asleep), WAIT_OTHER);
	assert_int_equal(kind(SYS_vfork, 0, KPPROF_SCHED_DEEP), WAIT_OTHER);
	assert_int_equal(kind(SYS_mkdir, 0, KPPROF_SCHED_DEEP), WAIT_DISK);
	assert_int_equal(kind(-1, 0, asleep), WAIT_FAULT);
	assert_int_equal(kind(-1, 0, KPPROF_SCHED_STOPPED), WAIT_OTHER);
	assert_int_equal(kind(SYS_read, S_IFIFO, KPPROF_SCHED_PREEMPTED), WAIT_RUNQUEUE);
	assert_int_equal(wait_call(&(struct wait_call){SYS_fcntl, lock, 0, 0, false}), WAIT_LOCK);
	assert_int_equal(wait_call(&(struct wait_call){SYS_fcntl, ask, 0, 0, false}), WAIT_IO);
	/* Numbers of 32-bit code are others. */
	assert_int_equal(wait_call(&(struct wait_call){SYS_futex, lock, 0, 0, true}), WAIT_OTHER);
	assert_int_equal(wait_call(&(struct wait_call){SYS_futex, lock, 0, disk, true}), WAIT_DISK);
}

static void test_slowed(void **state)
{
	(void)state;
	assert_int_equal(kmod_slowed_rate(&(struct kmod_governor){.slowed = 0}, 0), 0);
	assert_int_equal(kmod_slowed_rate(&(struct kmod_governor){.slowed = 1}, 0), 4096);
	assert_int_equal(kmod_slowed_rate(&(struct kmod_governor){.slowed = 3}, 1000000), 8000000);
	assert_int_equal(kmod_slowed_rate(&(struct kmod_governor){.slowed = 63}, 1000000),
			 KPPROF_SLOWED_MOST);
	/* It never tells more. */
	assert_int_equal(kmod_slowed_rate(&(struct kmod_governor){.slowed = 63}, 1ull << 40),
			 1ull << 40);
}

/* ---- records */

enum { CPU_EVENT = 100, STACK_EVENT, SCHED_EVENT, BYTES = 2048 };

static const struct record_module events = {CPU_EVENT, STACK_EVENT, SCHED_EVENT};

/* A sample of RECORD_MODULE_TYPE with this raw data. */
struct sample {
	struct perf_event_header header;
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
	uint64_t period, nchain;
	uint32_t raw_len;
	unsigned char raw[BYTES];
};

static void make(struct sample *s, const void *raw, size_t len, const void *array, size_t n)
{
	*s = (struct sample){
		.header = {.type = PERF_RECORD_SAMPLE, .size = sizeof(*s)},
		.pid = 5,
		.tid = 7,
		.time = 1000,
		.raw_len = BYTES,
	};
	memcpy(s->raw, raw, len);
	memcpy(s->raw + len, array, n);
}

static void make_sched(struct sample *s, uint32_t flags, unsigned int end)
{
	static const uint64_t ips[] = {0x1000, 0x2000, 0x3000};
	const struct kpprof_sched_record rec = {
		.common = SCHED_EVENT,
		.what = KPPROF_WATCH_BLOCK,
		.flags = flags,
		.end = (uint8_t)end,
		.cookie = 9,
		.ns = 500,
		.ips_where = (uint32_t)(sizeof(rec) | sizeof(ips) << 16),
	};

	make(s, &rec, sizeof(rec), ips, sizeof(ips));
}

static void make_stack(struct sample *s, uint32_t at, bool more)
{
	static const char bytes[64] = "stack";
	const struct kpprof_stack_record rec = {
		.common = STACK_EVENT,
		.context = KPPROF_CONTEXT_SCHED,
		.at = at,
		.more = more,
		.ip = 0x4000,
		.stack_where = (uint32_t)(sizeof(rec) | sizeof(bytes) << 16),
	};

	make(s, &rec, sizeof(rec), bytes, sizeof(bytes));
}

static void test_record(void **state)
{
	_Alignas(8) static struct sample s;
	struct kpprof_sched_record rec;
	struct record r;
	uint64_t ip;

	(void)state;
	make_sched(&s, 0, KPPROF_END_COMPLETE);
	assert_int_equal(record_parse_module(&s.header, &events, &r), 0);
	assert_int_equal(r.pid, 5);
	assert_int_equal(r.tid, 7);
	assert_int_equal(r.time, 1000);
	assert_true(r.sample.walked);
	assert_int_equal(r.sample.nips, 3);
	memcpy(&ip, r.sample.ips + 8, sizeof(ip));
	assert_int_equal(ip, 0x2000);
	assert_int_equal(r.sample.cookie, 9);
	assert_int_equal(r.sample.context, KPPROF_CONTEXT_SCHED);
	memcpy(&rec, r.sample.raw, sizeof(rec));
	assert_int_equal(rec.ns, 500);
	/* An end that is none; an array that is not in the record; a record that is too short. */
	make_sched(&s, 0, KPPROF_ENDS_N);
	assert_int_equal(record_parse_module(&s.header, &events, &r), -EBADMSG);
	make_sched(&s, 0, KPPROF_END_COMPLETE);
	((struct kpprof_sched_record *)(void *)s.raw)->ips_where = BYTES | 8 << 16;
	assert_int_equal(record_parse_module(&s.header, &events, &r), -EBADMSG);
	make_sched(&s, 0, KPPROF_END_COMPLETE);
	s.raw_len = sizeof(rec) - 1;
	assert_int_equal(record_parse_module(&s.header, &events, &r), -EBADMSG);
	/* A module without the event. */
	make_sched(&s, 0, KPPROF_END_COMPLETE);
	assert_int_equal(record_parse_module(&s.header, &(struct record_module){1, 2, 0}, &r),
			 -ENOTSUP);
}

static void test_stack_follows(void **state)
{
	_Alignas(8) static struct sample sched, first, second;
	struct parts parts = {0};
	struct record r;

	(void)state;
	make_sched(&sched, KPPROF_SCHED_STACK, KPPROF_END_PENDING);
	make_stack(&first, 0, true);
	make_stack(&second, 64, false);
	assert_false(parts_kept(&parts, &events, &r));
	parts_keep(&parts, &sched.header);
	assert_int_equal(record_parse_module(&first.header, &events, &r), 0);
	assert_null(r.sample.raw);
	assert_false(parts_join(&parts, &first.header, &events, &r));
	assert_int_equal(record_parse_module(&second.header, &events, &r), 0);
	assert_true(parts_join(&parts, &second.header, &events, &r));
	assert_int_equal(r.sample.stack_len, 128);
	assert_int_equal(r.sample.user_ip, 0x4000);
	assert_true(parts_kept(&parts, &events, &r));
	assert_int_equal(r.sample.nips, 3);
	assert_non_null(r.sample.raw);
	/* Once. */
	assert_false(parts_kept(&parts, &events, &r));
	parts_deinit(&parts);
}

/* ---- what is told */

struct told {
	unsigned int waits, releases, creates;
	struct wait_event wait[2];
	struct release_event release;
	struct create_event create;
};

static void on_wait(void *ctx, const struct wait_event *w)
{
	struct told *t = ctx;

	t->wait[t->waits++ % 2] = *w;
}

static void on_release(void *ctx, const struct release_event *r)
{
	struct told *t = ctx;

	t->release = *r;
	t->releases++;
}

static void on_create(void *ctx, const struct create_event *c)
{
	struct told *t = ctx;

	t->create = *c;
	t->creates++;
}

/* An engine with one watch of everything since time 1000, and the module's records. */
struct world {
	struct loop *loop;
	struct engine *engine;
	struct wait_watch watch;
	struct module_waits m;
	struct cpu_ring ring;
	struct told told;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (!w || loop_create(&w->loop) || engine_create(w->loop, &w->engine))
		return -1;
	w->watch = (struct wait_watch){
		.what = WATCH_BLOCK | WATCH_MUTEX | WATCH_CREATE,
		.on_wait = on_wait,
		.on_release = on_release,
		.on_create = on_create,
		.ctx = &w->told,
		.started = 1000,
		.backend = &wait_backend_module,
		.members.target.kind = TARGET_BOX,
	};
	w->m.engine = w->engine;
	w->m.ids = &events;
	w->engine->watches = &w->watch;
	return 0;
}

static int finish(void **state)
{
	struct world *w = *state;

	w->engine->watches = NULL;
	parts_deinit(&w->ring.parts);
	engine_destroy(w->engine);
	loop_destroy(w->loop);
	free(w);
	return 0;
}

static void say(struct world *w, const struct kpprof_sched_record *rec, uint64_t time)
{
	_Alignas(8) static struct sample s;
	struct kpprof_sched_record copy = *rec;
	const uint64_t ips[] = {0x1000, 0x2000};

	copy.common = SCHED_EVENT;
	copy.ips_where = (uint32_t)(sizeof(copy) | sizeof(ips) << 16);
	make(&s, &copy, sizeof(copy), ips, sizeof(ips));
	s.pid = s.tid = (uint32_t)getpid();
	s.time = time;
	module_sched_handle(&w->m, &w->ring, &s.header);
}

static void test_tells_wait(void **state)
{
	struct world *w = *state;
	/* 100 ns of which 40 were spent waiting for a CPU, standing for ten such. */
	struct kpprof_sched_record rec = {
		.what = KPPROF_WATCH_BLOCK,
		.nr = SYS_read,
		.mode = S_IFIFO,
		.begin = 2000,
		.raw = 100,
		.ns = 1000,
		.queued = 400,
		.count = 10 * KPPROF_COUNT_ONE,
	};

	say(w, &rec, 2200);
	assert_int_equal(w->told.waits, 2);
	assert_int_equal(w->told.wait[0].kind, WAIT_PIPE);
	assert_int_equal(w->told.wait[0].ns, 600);
	assert_int_equal(w->told.wait[0].count, 10);
	assert_false(w->told.wait[0].open);
	assert_int_equal(w->told.wait[0].stack.nuser, 2);
	assert_int_equal(w->told.wait[1].kind, WAIT_RUNQUEUE);
	assert_int_equal(w->told.wait[1].ns, 400);
	assert_int_equal(w->told.wait[1].count, 0);
	/* Three of one call. */
	rec = (struct kpprof_sched_record){
		.what = KPPROF_WATCH_BLOCK,
		.nr = SYS_futex,
		.begin = 3000,
		.raw = 300,
		.ns = 300,
		.count = 3 * KPPROF_COUNT_ONE,
	};
	say(w, &rec, 4000);
	assert_int_equal(w->told.waits, 3);
	assert_int_equal(w->told.wait[0].ns, 300);
	assert_int_equal(w->told.wait[0].count, 3);
	/* One that began before the watch, and one that was over. */
	rec.begin = 800;
	rec.count = KPPROF_COUNT_ONE;
	say(w, &rec, 1100);
	assert_int_equal(w->told.waits, 4);
	assert_int_equal(w->told.wait[1].ns, 100);
	rec.begin = 700;
	say(w, &rec, 1000);
	assert_int_equal(w->told.waits, 4);
	/* It could run all the time. */
	rec.begin = 5000;
	rec.queued = 300;
	rec.flags = KPPROF_SCHED_PREEMPTED;
	say(w, &rec, 5300);
	assert_int_equal(w->told.waits, 5);
	assert_int_equal(w->told.wait[0].kind, WAIT_RUNQUEUE);
	assert_int_equal(w->told.wait[0].ns, 300);
	assert_int_equal(w->told.wait[0].count, 1);
}

static void test_tells_release(void **state)
{
	struct world *w = *state;
	struct kpprof_sched_record rec = {
		.what = KPPROF_WATCH_MUTEX,
		.nr = SYS_futex,
		.args = {0x100, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1},
		.wait_addr = 0x100,
		.wait_op = FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
		.wait_val = 2,
		.begin = 2000,
		.ns = 500,
		.raw = 500,
		.queued = 100,
		.count = KPPROF_COUNT_ONE,
	};

	/* An unlock is charged with all that were queued. */
	say(w, &rec, 2100);
	assert_int_equal(w->told.releases, 1);
	assert_string_equal(w->told.release.kind, "mutex");
	assert_int_equal(w->told.release.ns, 500);
	assert_int_equal(w->told.release.count, 1);
	/* A signal to three with what they waited themselves. */
	rec.wait_val = 0;
	rec.queued = 300;
	rec.count = 3 * KPPROF_COUNT_ONE;
	say(w, &rec, 2200);
	assert_string_equal(w->told.release.kind, "signal");
	assert_int_equal(w->told.release.ns, 300);
	assert_int_equal(w->told.release.count, 3);
	/* Requeued from a condition to a lock. */
	rec.wait_addr = 0x200;
	say(w, &rec, 2300);
	assert_string_equal(w->told.release.kind, "mutex");
	/* Half of it was before the watch. */
	rec.begin = 900;
	say(w, &rec, 1100);
	assert_int_equal(w->told.releases, 4);
	assert_int_equal(w->told.release.ns, 250);
	say(w, &rec, 999);
	assert_int_equal(w->told.releases, 4);
}

static void test_tells_create(void **state)
{
	struct world *w = *state;
	struct kpprof_sched_record rec = {.what = KPPROF_WATCH_CREATE, .pid = getpid(), .tid = 77};

	say(w, &rec, 2000);
	assert_int_equal(w->told.creates, 1);
	assert_int_equal(w->told.create.tid, 77);
	/* A process is no thread; what was before the watch is not its. */
	rec.pid = 77;
	say(w, &rec, 2000);
	rec.pid = getpid();
	say(w, &rec, 999);
	assert_int_equal(w->told.creates, 1);
}

/* The stack that was to follow did not come. */
static void test_tells_without_stack(void **state)
{
	struct world *w = *state;
	struct kpprof_sched_record rec = {
		.what = KPPROF_WATCH_BLOCK,
		.flags = KPPROF_SCHED_STACK,
		.end = KPPROF_END_PENDING,
		.nr = SYS_read,
		.begin = 2000,
		.raw = 100,
		.ns = 100,
		.count = KPPROF_COUNT_ONE,
	};

	say(w, &rec, 2200);
	assert_int_equal(w->told.waits, 0);
	rec.flags = 0;
	rec.end = KPPROF_END_COMPLETE;
	say(w, &rec, 2400);
	assert_int_equal(w->told.waits, 2);
	assert_int_equal(w->told.wait[0].stack.end, KPPROF_END_PENDING);
	assert_int_equal(w->told.wait[1].stack.end, KPPROF_END_COMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_slowed),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_stack_follows),
		cmocka_unit_test_setup_teardown(test_tells_wait, begin, finish),
		cmocka_unit_test_setup_teardown(test_tells_release, begin, finish),
		cmocka_unit_test_setup_teardown(test_tells_create, begin, finish),
		cmocka_unit_test_setup_teardown(test_tells_without_stack, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
