// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/threads/proc: what the kernel says of a thread, and what a thread would like it to say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/threads/clock.h"
#include "../../agent/threads/proc.h"

static void check_stat(const char *text, const char *name, char state)
{
	struct proc_stat st;

	assert_int_equal(proc_stat_parse(text, &st), 0);
	assert_string_equal(st.name, name);
	assert_int_equal(st.state, state);
}

static void test_stat(void **state)
{
	struct proc_stat st;

	(void)state;
	check_stat("812 (nginx) S 1 812 812 0 -1 4194560 1", "nginx", 'S');
	/* A thread that calls itself like the rest of the line. */
	check_stat("812 (a) R 1 (b) D 1 812 812 0 -1 64 1", "a) R 1 (b", 'D');
	check_stat("812 () Z 1 812 812 0 -1 64 1", "", 'Z');
	check_stat("812 (\\n\\n) T 1 812 812 0 -1 64 1", "\\n\\n", 'T');
	check_stat("9 (kworker/0:1H-events_highpri) I 2 0 0 0 -1 69238880 0", "kworker/0:1H-ev",
		   'I');
	assert_int_equal(proc_stat_parse("9 (kworker/0:1H) I 2 0 0 0 -1 69238880 0", &st), 0);
	assert_true(st.kthread);
	assert_int_equal(proc_stat_parse("812 (nginx) S 1 812 812 0 -1 4194560 1", &st), 0);
	assert_false(st.kthread);
	assert_int_equal(proc_stat_parse("", &st), -EBADMSG);
	assert_int_equal(proc_stat_parse("812 nginx S 1", &st), -EBADMSG);
	assert_int_equal(proc_stat_parse("812 )nginx( S 1 2 3 4 5 6", &st), -EBADMSG);
	assert_int_equal(proc_stat_parse("812 (nginx) S 1", &st), -EBADMSG);
	assert_int_equal(
		proc_stat_parse("812 (x) S 1 812 812 0 -1 4194304 128 0 1 0 0 0 0 0 20 0 "
				"1 0 90657 2990080 393 1 9 9 9 0 0 0 0 6 0 1 0 0 17 3 0 0 0",
				&st),
		0);
	assert_int_equal(st.cpu, 3);
}

static void test_syscall(void **state)
{
	struct proc_syscall s;

	(void)state;
	assert_int_equal(proc_syscall_parse("running\n", &s), 0);
	assert_true(s.running);
	assert_int_equal(proc_syscall_parse("202 0x7f00 0x80 0x2 0x0 0x0 0xffffffffffffffff "
					    "0x7ffe9fcb8368 0x7ff1d8b7b503\n",
					    &s),
			 0);
	assert_false(s.running);
	assert_true(s.in_syscall);
	assert_int_equal(s.nr, 202);
	assert_int_equal(s.args[0], 0x7f00);
	assert_int_equal(s.args[5], UINT64_MAX);
	assert_int_equal(s.sp, 0x7ffe9fcb8368);
	assert_int_equal(s.ip, 0x7ff1d8b7b503);
	/* Blocked, but in no system call: a page fault. */
	assert_int_equal(proc_syscall_parse("-1 0x7ffe9fcb8368 0x401000\n", &s), 0);
	assert_false(s.running);
	assert_false(s.in_syscall);
	assert_int_equal(s.sp, 0x7ffe9fcb8368);
	assert_int_equal(s.ip, 0x401000);
}

static void test_broken_syscall(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		" 1 0x1 0x2",
		"walking\n",
		"202",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x\n",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 8\n",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9\n",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x11111111111111111\n",
		"99999999999999999999 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n",
		"-1 0x1\n",
		"-1 -1 -1\n",
	};
	struct proc_syscall s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(proc_syscall_parse(texts[i], &s), -EBADMSG);
}

static void test_counts(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(proc_schedstat_parse("1711956 0 2\n", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(proc_schedstat_parse("1711956 0\n", &n), -EBADMSG);
	assert_int_equal(proc_schedstat_parse("", &n), -EBADMSG);
	assert_int_equal(proc_switches_parse("Name:\tx\n"
					     "voluntary_ctxt_switches:\t150\n"
					     "nonvoluntary_ctxt_switches:\t545\n",
					     &n),
			 0);
	assert_int_equal(n, 695);
	assert_int_equal(proc_switches_parse("Name:\tvoluntary_ctxt_switches:1\n", &n), -EBADMSG);
}

static void test_exec_start(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(
		proc_exec_start_parse("sleep (8693, #threads: 1)\n------\n"
				      "se.exec_start                :        906390.547285\n"
				      "se.vruntime                  :          3376.841740\n",
				      &ns),
		0);
	assert_int_equal(ns, 906390547285);
	assert_int_equal(proc_exec_start_parse("se.exec_start : 1.000001\n", &ns), -EBADMSG);
	assert_int_equal(proc_exec_start_parse("\nse.exec_start : soon\n", &ns), -EBADMSG);
	assert_int_equal(
		proc_exec_start_parse("\nse.exec_start : 18446744073709551615.999999\n", &ns),
		-EBADMSG);
}

static const char proc_stat[] = "cpu  1 2 3 4 5 6 7 8 0 0\n"
				"cpu0 1 2 3 4 5 100 200 50 0 0\n"
				"cpu2 1 2 3 4 5 1000 0 0 0 0\n"
				"intr 5 cpu9 1 2 3 4 5 6 7 8\n";

static void test_clock_parse(void **state)
{
	static struct task_clock c;

	(void)state;
	task_clock_parse(proc_stat, 10000000, &c);
	assert_int_equal(c.ncpus, 3);
	assert_int_equal(c.cpus[0].irq, 3000000000);
	assert_int_equal(c.cpus[0].steal, 500000000);
	assert_int_equal(c.cpus[1].irq, 0);
	assert_int_equal(c.cpus[2].irq, 10000000000);
	task_clock_parse("cpu\ncpu1", 1, &c);
	assert_int_equal(c.ncpus, 0);
	task_clock_parse("\ncpu4294967295 1 2 3 4 5 6 7 8\n", 1, &c);
	assert_int_equal(c.ncpus, 0);
}

#define SEC 1000000000ull

static void test_clock_fit(void **state)
{
	static struct task_clock c;

	(void)state;
	c.ncpus = 2;
	c.now = 10000 * SEC;
	c.cpus[0] = (struct clock_cpu){.irq = 1000 * SEC, .steal = 100 * SEC};
	c.cpus[1] = (struct clock_cpu){.irq = 3000 * SEC, .steal = 0};
	/* Leaves out nothing, and began half a second later than the boot. */
	task_clock_fit(&c, 0, 9999 * SEC + SEC / 2);
	assert_true(c.works && !c.irq && !c.steal);
	assert_in_range(task_clock_ago(&c, 1, 9899 * SEC + SEC / 2), 100 * SEC, 101 * SEC);
	/* Leaves out interrupts: the other CPU's clock shows the same moment much earlier. */
	task_clock_fit(&c, 0, 9000 * SEC);
	assert_true(c.works && c.irq && !c.steal);
	assert_in_range(task_clock_ago(&c, 1, 6930 * SEC), 99 * SEC, 101 * SEC);
	assert_int_equal(task_clock_ago(&c, 0, 9001 * SEC), 1);
	assert_int_equal(task_clock_ago(&c, 2, 1), 0);
	task_clock_fit(&c, 0, 8900 * SEC);
	assert_true(c.works && c.irq && c.steal);
	/* Fits nothing: a clock of some other kind. */
	task_clock_fit(&c, 0, 5000 * SEC);
	assert_false(c.works);
	assert_int_equal(task_clock_ago(&c, 0, 1), 0);
	task_clock_fit(&c, 7, 9000 * SEC);
	assert_false(c.works);
}

static void test_stack(void **state)
{
	char out[64];

	(void)state;
	proc_stack_parse("[<0>] futex_wait+0x9a/0x150\n[<0>] do_futex+0xfd/0x250 [mod]\n", out,
			 sizeof(out));
	assert_string_equal(out, "futex_wait+0x9a/0x150\ndo_futex+0xfd/0x250 [mod]\n");
	proc_stack_parse("[<ffffffff81000000>] a+0x1/0x2\n[<0>]\nnothing\n\n[<0>] b", out,
			 sizeof(out));
	assert_string_equal(out, "a+0x1/0x2\nb\n");
	proc_stack_parse("", out, sizeof(out));
	assert_string_equal(out, "");
	/* Cut between lines. */
	proc_stack_parse("[<0>] abc\n[<0>] defghi\n", out, 8);
	assert_string_equal(out, "abc\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),	       cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_broken_syscall), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_exec_start),     cmocka_unit_test(test_stack),
		cmocka_unit_test(test_clock_parse),    cmocka_unit_test(test_clock_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
