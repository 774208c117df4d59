// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/engine: from scheduler records to waits, releases and what is kept of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/futex.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/engine/futexes.h"
#include "../../agent/engine/sched_table.h"
#include "../../agent/engine/tid_ranges.h"
#include "../../agent/engine/tracefs.h"
#include "../../agent/engine/wait_kind.h"
#include "../../agent/engine/wait_rate.h"

enum { SLEEPS = 1, RUNS = 0, TIMES = 1, STACKS = 2, TID = 7, PID = 5 };

/* The waits that a table has told of. */
struct told {
	unsigned int n;
	uint64_t from;
	uint64_t woken;
	uint64_t to;
	void *sample;
	unsigned int dropped;
};

static void over(void *ctx, struct sched_thread *t, uint64_t woken, uint64_t to)
{
	struct told *told = ctx;

	told->n++;
	told->from = t->since;
	told->woken = woken;
	told->to = to;
	told->sample = take_ptr(t->sample);
}

static void drop(void *ctx, void *sample)
{
	struct told *told = ctx;

	(void)sample;
	told->dropped++;
}

static void expect_wait(const struct told *told, unsigned int n, uint64_t from, uint64_t woken,
			uint64_t to)
{
	assert_int_equal(told->n, n);
	assert_int_equal(told->from, from);
	assert_int_equal(told->woken, woken);
	assert_int_equal(told->to, to);
}

static void test_waits(void **state)
{
	struct told told = {0};
	struct sched_table s = {.over = over, .drop = drop, .ctx = &told};
	struct sched_thread *t = sched_add(&s, PID, TID);
	int sample;

	(void)state;
	assert_ptr_equal(sched_find(&s, TID), t);
	/* The first time on a CPU is no wait. */
	sched_in(&s, t, 100);
	assert_int_equal(told.n, 0);
	/* Told twice, the stack later: one wait, in two parts. */
	sched_out(&s, t, 200, SLEEPS, TIMES, NULL);
	sched_out(&s, t, 203, SLEEPS, STACKS, &sample);
	sched_woken(t, 1000);
	sched_woken(t, 1100);
	sched_in(&s, t, 1500);
	expect_wait(&told, 1, 200, 1000, 1500);
	assert_ptr_equal(told.sample, &sample);
	/* The other way round. */
	sched_out(&s, t, 2000, SLEEPS, STACKS, &sample);
	sched_out(&s, t, 2003, SLEEPS, TIMES, NULL);
	sched_in(&s, t, 3000);
	expect_wait(&told, 2, 2000, 3000, 3000);
	assert_ptr_equal(told.sample, &sample);
	/* Preempted: it waits for a CPU alone. */
	sched_out(&s, t, 4000, RUNS, TIMES, NULL);
	sched_in(&s, t, 4500);
	expect_wait(&told, 3, 4000, 4000, 4500);
	assert_null(told.sample);
	/* Woken on its way off the CPU. */
	sched_woken(t, 4990);
	sched_out(&s, t, 5000, SLEEPS, TIMES, NULL);
	sched_in(&s, t, 5600);
	expect_wait(&told, 4, 5000, 5000, 5600);
	/* Woken before it slept at all, and then again. */
	sched_woken(t, 5700);
	sched_out(&s, t, 6000, SLEEPS, TIMES, NULL);
	sched_woken(t, 6400);
	sched_in(&s, t, 6500);
	expect_wait(&told, 5, 6000, 6400, 6500);
	assert_int_equal(told.dropped, 0);
	sched_table_deinit(&s);
}

static void test_missing_records(void **state)
{
	struct told told = {0};
	struct sched_table s = {.over = over, .drop = drop, .ctx = &told};
	struct sched_thread *t = sched_add(&s, PID, TID);
	int sample;

	(void)state;
	/* Its coming to a CPU was lost: what is certain ends with its waking. */
	sched_out(&s, t, 1000, SLEEPS, TIMES, &sample);
	sched_woken(t, 2000);
	sched_out(&s, t, 90000000, SLEEPS, TIMES, NULL);
	expect_wait(&told, 1, 1000, 2000, 2000);
	assert_int_equal(s.in_missed, 1);
	/* Both were lost: there is nothing to tell, least of all a long wait. */
	sched_out(&s, t, 95000000, SLEEPS, TIMES, &sample);
	assert_int_equal(told.n, 1);
	assert_int_equal(s.in_missed, 2);
	/* It has left and come within a moment, and the coming was lost: the same source tells
	 * twice. */
	sched_out(&s, t, 95100000, SLEEPS, TIMES, NULL);
	assert_int_equal(s.in_missed, 3);
	assert_int_equal(told.dropped, 1);
	/* One event took the place of another, and both told. */
	sched_out(&s, t, 95100010, SLEEPS, TIMES, NULL);
	assert_int_equal(s.in_missed, 3);
	sched_in(&s, t, 95100500);
	expect_wait(&told, 2, 95100000, 95100500, 95100500);
	/* Its leaving was lost. */
	sched_in(&s, t, 95100900);
	assert_int_equal(told.n, 2);
	assert_int_equal(s.out_missed, 1);
	/* A number that is another thread's by now: its wait is nobody's. */
	sched_out(&s, t, 96000000, SLEEPS, TIMES, &sample);
	t = sched_add(&s, PID + 1, TID);
	assert_int_equal(told.dropped, 2);
	sched_in(&s, t, 99000000);
	assert_int_equal(told.n, 2);
	assert_int_equal(t->pid, PID + 1);
	sched_out(&s, t, 99000100, SLEEPS, TIMES, &sample);
	sched_remove(&s, TID);
	assert_int_equal(told.dropped, 3);
	assert_null(sched_find(&s, TID));
	sched_remove(&s, TID);
	sched_table_deinit(&s);
}

static void test_before(void **state)
{
	struct told told = {0};
	struct sched_table s = {.over = over, .drop = drop, .ctx = &told};

	(void)state;
	/* Slept before: its wait counts from when the records began. */
	sched_found(&s, PID, 1, true, 500);
	sched_woken(sched_find(&s, 1), 700);
	sched_in(&s, sched_find(&s, 1), 800);
	expect_wait(&told, 1, 500, 700, 800);
	/* Ran when it was looked at, and so its first record says: no wait. */
	sched_found(&s, PID, 2, false, 500);
	sched_out(&s, sched_find(&s, 2), 900, SLEEPS, TIMES, NULL);
	assert_int_equal(told.n, 1);
	sched_in(&s, sched_find(&s, 2), 950);
	expect_wait(&told, 2, 900, 950, 950);
	/* Slept when it was looked at, but had run in between: the records say so. */
	sched_found(&s, PID, 3, true, 500);
	sched_out(&s, sched_find(&s, 3), 600, SLEEPS, TIMES, NULL);
	assert_int_equal(told.n, 2);
	assert_int_equal(s.in_missed, 0);
	/* Known already. */
	sched_found(&s, PID, 3, true, 100);
	assert_int_equal(sched_find(&s, 3)->since, 600);
	sched_table_deinit(&s);
}

static void count(void *ctx, struct sched_thread *t)
{
	(void)t;
	++*(unsigned int *)ctx;
}

static void test_many_threads(void **state)
{
	struct told told = {0};
	struct sched_table s = {.over = over, .drop = drop, .ctx = &told};
	unsigned int n = 0;

	(void)state;
	for (pid_t tid = 1; tid <= 5000; tid++)
		assert_non_null(sched_add(&s, PID, tid));
	for (pid_t tid = 1; tid <= 5000; tid += 2)
		sched_remove(&s, tid);
	sched_each(&s, count, &n);
	assert_int_equal(n, 2500);
	assert_null(sched_find(&s, 4999));
	assert_int_equal(sched_find(&s, 5000)->tid, 5000);
	sched_table_deinit(&s);
}

/* ---- rate */

static void test_rate(void **state)
{
	static const uint64_t durations[] = {1000, 20000, 50000, 99000, 100000, 5000000};
	uint64_t rng = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		const unsigned int n = 200000;
		double sum = 0, waits = 0, exact = (double)durations[i] * n;

		for (unsigned int k = 0; k < n; k++) {
			double scale = wait_scale(durations[i], 100000);

			if (!wait_is_kept(&rng, durations[i], 100000))
				continue;
			waits += scale;
			sum += scale * (double)durations[i];
		}
		/* 1000 ns are kept one time in a hundred: 2.2 % is one standard deviation. */
		assert_true(sum > exact * 0.93 && sum < exact * 1.07);
		assert_true(waits > n * 0.93 && waits < n * 1.07);
		if (durations[i] >= 50000)
			assert_true(sum > exact * 0.99 && sum < exact * 1.01);
		if (durations[i] >= 100000)
			assert_true(waits == n);
	}
	assert_true(wait_is_kept(&rng, 1, 0));
	assert_true(wait_is_kept(&rng, 1, 1));
	assert_false(wait_is_kept(&rng, 0, 100));
}

/* ---- futexes */

static uint64_t release(struct futexes *f, struct futex_waiter *woken, uint64_t addr, uint64_t time)
{
	struct futex_release r = {.woken = woken, .pid = PID, .addr = addr, .time = time};
	uint64_t ns = futex_charge(f, &r, 0);

	futex_release(f, &r);
	return ns;
}

static void test_holder(void **state)
{
	struct futex_waiter w[5] = {0};
	struct futexes f = {0};

	(void)state;
	/* Held for 1000 before five; each of them takes it for 10. */
	for (int i = 0; i < 5; i++)
		futex_arrive(&f, &w[i], PID, 0x1000, FUTEX_LOCK, 100);
	assert_int_equal(release(&f, &w[0], 0x1000, 1100), 5000);
	assert_int_equal(release(&f, &w[1], 0x1000, 1110), 40);
	assert_int_equal(release(&f, &w[2], 0x1000, 1120), 30);
	/* One more comes, and waits for the next release alone. */
	futex_arrive(&f, &w[0], PID, 0x1000, FUTEX_LOCK, 1125);
	assert_int_equal(release(&f, &w[3], 0x1000, 1130), 25);
	assert_int_equal(release(&f, &w[4], 0x1000, 1140), 20);
	assert_int_equal(release(&f, &w[0], 0x1000, 1150), 10);
	assert_null(w[0].queue);
	futexes_deinit(&f);
}

static void test_signal(void **state)
{
	struct futex_waiter w[3] = {0};
	struct futex_release r = {.woken = &w[0], .pid = PID, .addr = 0x2000, .time = 500};
	struct futexes f = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		futex_arrive(&f, &w[i], PID, 0x2000, FUTEX_SIGNAL, 100);
	assert_false(futex_is_lock(&r));
	/* The others do not wait for this signal. */
	assert_int_equal(futex_charge(&f, &r, 0), 400);
	/* Only what was after the beginning of the watch counts. */
	assert_int_equal(futex_charge(&f, &r, 450), 50);
	futex_release(&f, &r);
	/* Requeued to the lock, which was let go at 600 and is again at 700. */
	r = (struct futex_release){.woken = &w[1], .pid = PID, .addr = 0x3000, .time = 600};
	assert_true(futex_is_lock(&r));
	futex_release(&f, &r);
	assert_int_equal(release(&f, &w[2], 0x3000, 700), 100);
	futexes_deinit(&f);
}

static void test_rwlock(void **state)
{
	struct futex_waiter readers[2] = {0}, writer = {0};
	struct futexes f = {0};

	(void)state;
	futex_arrive(&f, &readers[0], PID, 0x1008, FUTEX_RWLOCK, 0);
	futex_arrive(&f, &readers[1], PID, 0x1008, FUTEX_RWLOCK, 0);
	futex_arrive(&f, &writer, PID, 0x100c, FUTEX_RWLOCK, 0);
	/* The holder lets the writer in, and has kept the readers waiting too. */
	assert_int_equal(release(&f, &writer, 0x100c, 1000), 3000);
	assert_int_equal(release(&f, &readers[0], 0x1008, 1100), 200);
	futex_leave(&readers[1]);
	futexes_deinit(&f);
}

static void test_words(void **state)
{
	enum { BITSET = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME };
	static const struct {
		struct futex_wait wait;
		enum futex_word word;
	} cases[] = {
		/* glibc: mutex, rwlock, condition, PI */
		{{.op = FUTEX_WAIT_PRIVATE, .val = 2}, FUTEX_LOCK},
		{{.op = FUTEX_WAIT_PRIVATE, .val = 2, .own_frame = true, .near_owner = true},
		 FUTEX_LOCK},
		{{.op = BITSET, .val = 3}, FUTEX_RWLOCK},
		{{.op = BITSET, .val = 0}, FUTEX_SIGNAL},
		{{.op = FUTEX_LOCK_PI_PRIVATE, .val = 0}, FUTEX_LOCK},
		/* musl: mutex, semaphore, condition, pthread_join() */
		{{.op = FUTEX_WAIT_PRIVATE, .val = 0x80000010}, FUTEX_LOCK},
		{{.op = FUTEX_WAIT_PRIVATE, .val = UINT32_MAX, .near_flag = true}, FUTEX_SIGNAL},
		{{.op = FUTEX_WAIT_PRIVATE, .val = 2, .own_frame = true}, FUTEX_SIGNAL},
		{{.op = FUTEX_WAIT_PRIVATE, .val = 2, .near_thread = true}, FUTEX_SIGNAL},
		/* a condition that is requeued */
		{{.op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .val = 2}, FUTEX_SIGNAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(futex_word(&cases[i].wait), cases[i].word);
}

/* ---- kinds */

static const char kallsyms[] = "ffffffff81001000 T futex_wait\n"
			       "ffffffff81002000 t nothing\n"
			       "ffffffff81000000 t do_nanosleep.part.0\n"
			       "ffffffff81003000 T vfs_read\n"
			       "ffffffff81003000 T vfs_alias\n"
			       "ffffffff81003000 D data_here\n"
			       "ffffffff81004000 T pipe_reader\n"
			       "ffffffffc0001000 t pipe_read\t[fifo]\n"
			       "junk\n";

static void test_kinds(void **state)
{
	const uint64_t lock[] = {0xffffffffffffff80, 0xffffffff81002500, 0xffffffff81001010};
	const uint64_t sleep[] = {0xffffffff81000100};
	const uint64_t end[] = {0xffffffff81001000};
	const uint64_t pipe[] = {0xffffffffc0001010, 0xffffffff81003010};
	const uint64_t other[] = {0xffffffff81004010};
	_cleanup_fclose_ FILE *f = fmemopen((char *)kallsyms, sizeof(kallsyms) - 1, "r");
	struct wait_kinds k = {0};

	(void)state;
	assert_int_equal(wait_kind(wait_kinds_chain(&k, lock, 3), false), WAIT_OTHER);
	assert_int_equal(wait_kinds_read(&k, f), 0);
	assert_int_equal(wait_kinds_chain(&k, lock, 3), KFUNC_FUTEX | KFUNC_FUTEX_WAIT);
	assert_int_equal(wait_kind(wait_kinds_chain(&k, lock, 3), false), WAIT_LOCK);
	assert_int_equal(wait_kind(wait_kinds_chain(&k, sleep, 1), false), WAIT_SLEEP);
	/* A return address at the start of the next function belongs to the one before. */
	assert_int_equal(wait_kind(wait_kinds_chain(&k, end, 1), false), WAIT_SLEEP);
	assert_int_equal(wait_kind(wait_kinds_chain(&k, pipe, 2), false), WAIT_PIPE);
	assert_int_equal(wait_kind(wait_kinds_chain(&k, pipe + 1, 1), false), WAIT_IO);
	assert_int_equal(wait_kind(wait_kinds_chain(&k, other, 1), false), WAIT_OTHER);
	assert_int_equal(wait_kind(0, true), WAIT_DISK);
	assert_int_equal(wait_kind(KFUNC_FAULT | KFUNC_DISK, true), WAIT_FAULT);
	assert_int_equal(wait_kinds_text("__schedule+0x1/0x2\nep_poll+0x3/0x4"), KFUNC_POLL);
	assert_int_equal(wait_kinds_text(NULL), 0);
	wait_kinds_deinit(&k);
}

static void test_hidden_kallsyms(void **state)
{
	char hidden[] = "0000000000000000 T futex_wait\n";
	_cleanup_fclose_ FILE *f = fmemopen(hidden, sizeof(hidden) - 1, "r");
	struct wait_kinds k = {0};

	(void)state;
	assert_int_equal(wait_kinds_read(&k, f), -ENOENT);
	assert_int_equal(wait_kinds_chain(&k, NULL, 0), 0);
}

/* ---- filters */

static void test_ranges(void **state)
{
	pid_t few[] = {12, 10, 11, 40};
	pid_t many[40];
	struct tid_ranges r;
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	tid_ranges_make(&r, few, ARRAY_SIZE(few), 100);
	tid_ranges_text(&r, "pid", &text);
	buf_append(&text, "", 1);
	assert_string_equal(text.data, "(pid > 100 || (pid >= 10 && pid <= 12) || pid == 40)");
	assert_true(tid_ranges_has(&r, 11) && tid_ranges_has(&r, 40) && tid_ranges_has(&r, 101));
	assert_false(tid_ranges_has(&r, 13) || tid_ranges_has(&r, 100));
	for (int i = 0; i < 40; i++)
		many[i] = 1000 - i * i;
	tid_ranges_make(&r, many, ARRAY_SIZE(many), 1000);
	assert_int_equal(r.n, TID_RANGES_MAX);
	for (int i = 0; i < 40; i++)
		assert_true(tid_ranges_has(&r, 1000 - i * i));
	for (size_t i = 1; i < r.n; i++)
		assert_true(r.from[i] > r.to[i - 1]);
	/* All but the idle threads. */
	tid_ranges_make(&r, few, ARRAY_SIZE(few), 0);
	assert_true(tid_ranges_has(&r, 1));
	assert_false(tid_ranges_has(&r, 0));
}

/* ---- formats */

static void test_format(void **state)
{
	static const char format[] =
		"name: sched_switch\n"
		"format:\n"
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
		"\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
		"\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
		"\tfield:__data_loc char[] child_comm;\toffset:40;\tsize:4;\tsigned:0;\n"
		"\tfield:pid_t bad;\tsize:4;\n";
	unsigned char raw[40] = {0};
	struct trace_field f = {.name = "prev_pid"};

	(void)state;
	assert_int_equal(trace_format_field(format, &f), 0);
	assert_int_equal(f.offset, 24);
	assert_int_equal(f.size, 4);
	memcpy(raw + 24, &(int32_t){-3}, 4);
	assert_int_equal(trace_get(&f, raw, sizeof(raw)), -3);
	assert_int_equal(trace_get(&f, raw, 27), 0);
	f.name = "prev_comm";
	assert_int_equal(trace_format_field(format, &f), 0);
	assert_int_equal(f.offset, 8);
	assert_int_equal(trace_get(&f, raw, sizeof(raw)), 0);
	f.name = "child_comm";
	assert_int_equal(trace_format_field(format, &f), 0);
	f.name = "pid";
	assert_int_equal(trace_format_field(format, &f), -ENOENT);
	f.name = "bad";
	assert_int_equal(trace_format_field(format, &f), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_missing_records),
		cmocka_unit_test(test_before),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_holder),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_rwlock),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_hidden_kallsyms),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
