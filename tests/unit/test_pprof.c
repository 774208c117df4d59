// SPDX-License-Identifier: GPL-2.0-or-later
/* Our profiles in the client that people use: go tool pprof. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/profile/model.h"
#include "../../agent/profile/proto.h"
#include "../lib/example_profile.h"

static char dir[64];
static char text[1 << 20]; /* what the last command printed */
static struct profile p;

static int setup_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/kpprof-test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	/* The client keeps its files under HOME. */
	setenv("HOME", dir, 1);
	setenv("PPROF_TMPDIR", dir, 1);
	return chdir(dir);
}

static int remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int setup(void **state)
{
	(void)state;
	example_init(&p);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	profile_deinit(&p);
	return 0;
}

static void write_profile(const struct profile *from, const char *name)
{
	_cleanup_buf_ struct buf out = {0};
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(proto_write(from, &out), 0);
	assert_int_equal(write(fd, out.data, out.len), (ssize_t)out.len);
}

/* Runs go tool pprof; its output, standard error included, is in text. It must succeed. */
static void pprof(const char *arguments)
{
	char command[512];
	size_t n;
	FILE *f;
	int status;

	snprintf(command, sizeof(command), "go tool pprof %s 2>&1", arguments);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	status = pclose(f);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: status %d\n%s", command, status, text);
}

static void expect(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void expect_none(const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in:\n%s", part, text);
}

/* The parts one behind the other. */
static void expect_order(const char *const *parts, size_t n)
{
	const char *at = text;

	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(at, parts[i]);

		if (!found)
			fail_msg("no \"%s\" where expected in:\n%s", parts[i], text);
		else
			at = found + strlen(parts[i]);
	}
}

#define expect_in_order(...)                             \
	expect_order((const char *const[]){__VA_ARGS__}, \
		     ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void example_file(const char *name, uint64_t base)
{
	profile_deinit(&p);
	example_init(&p);
	example_fill(&p, base);
	write_profile(&p, name);
}

/* Flat and cumulative time of a function in the output of -top; false if it is not there. */
static bool top_row(const char *function, double *flat, double *cum)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		char flat_text[32], cum_text[32], name[128];

		line += *line == '\n';
		if (sscanf(line, " %31s %*s %*s %31s %*s %127[^\n]", flat_text, cum_text, name) !=
		    3)
			continue;
		if (strcmp(name, function) != 0)
			continue;
		*flat = strtod(flat_text, NULL);
		*cum = strtod(cum_text, NULL);
		return true;
	}
	return false;
}

static void expect_row(const char *function, double flat, double cum)
{
	double have_flat = 0, have_cum = 0;

	if (!top_row(function, &have_flat, &have_cum))
		fail_msg("no row for %s in:\n%s", function, text);
	if (have_flat - flat > 1e-9 || flat - have_flat > 1e-9 || have_cum - cum > 1e-9 ||
	    cum - have_cum > 1e-9)
		fail_msg("%s: %g %g, not %g %g in:\n%s", function, have_flat, have_cum, flat, cum,
			 text);
}

static void test_raw(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	pprof("-raw a.pb.gz");
	expect_in_order(
		"PeriodType: cpu nanoseconds", "Period: 10000000", "Duration: 5",
		"samples/count cpu/nanoseconds",
		"6   60000000:", "3   30000000:", "1   10000000:", "2   20000000:", "Locations",
		"0x400200 M=1 foo::inner /src/foo.h:7 s=0", "foo::middle /src/foo.h:17 s=0",
		"foo::bar /src/foo.cc:27 s=0", "Mappings",
		"1: 0x400000/0x405000/0x1000 /usr/sbin/app 0badc0de [FN][FL][LN][IN]",
		"2: 0xffffffff81000000/0xffffffff82000000/0x0 [kernel.kallsyms]_stext  [FN]",
		"3: 0x500000/0x580000/0x26000 /lib/libnone.so aa00ff");
}

static void test_top(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	pprof("-top -unit=ms a.pb.gz");
	expect("File: app");
	expect("Build ID: 0badc0de");
	expect("Type: cpu");
	expect("Time: ");
	expect("Duration: 5s, Total samples = 120ms");
	expect_row("foo::inner (inline)", 60, 60);
	expect_row("foo::bar", 0, 60);
	expect_row("_start", 0, 100);
	expect_row("do_syscall_64", 30, 30);
	expect_row("plain_c", 10, 40);
	expect_row("[truncated: no unwind rows]", 0, 20);
	expect("[libnone.so]");
	expect_none("_ZN");
	pprof("-top -sample_index=samples a.pb.gz");
	expect("Total samples = 12");
	p.default_type = "samples";
	write_profile(&p, "b.pb.gz");
	pprof("-top b.pb.gz");
	expect("Type: samples");
}

static void test_traces(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	pprof("-traces a.pb.gz");
	expect_in_order("thread:  main", "pid:  812", "60ms   foo::inner (inline)",
			"foo::middle (inline)", "foo::bar", "_start", "30ms   do_syscall_64",
			"plain_c", "_start", "thread:  worker/1", "10ms   plain_c", "_start",
			"pid:  813", "20ms", "[truncated: no unwind rows]");
}

static void test_comments_and_tags(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	profile_comment(&p, "two\nlines");
	write_profile(&p, "a.pb.gz");
	pprof("-comments a.pb.gz");
	expect_in_order("kpprof: 17 samples lost", "two\nlines");
	pprof("-tags a.pb.gz");
	expect_in_order("pid: Total 120.0ms", "100.0ms (83.33%): 812", "20.0ms (16.67%): 813",
			"thread: Total 120.0ms", "90.0ms (75.00%): main");
}

/* A process is found by a number label; by a text label "812" it is not, and "81" would match it.
 */
static void test_tagfocus(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	pprof("-top -unit=ms -tagfocus=pid=812 a.pb.gz");
	expect("Showing nodes accounting for 100ms");
	expect_row("_start", 0, 100);
	expect_none("[truncated");
	pprof("-top -unit=ms -tagfocus=pid=813: a.pb.gz");
	expect("Showing nodes accounting for 20ms");
	pprof("-top -unit=ms -tagfocus=pid=813 a.pb.gz");
	expect("Showing nodes accounting for 20ms");
	pprof("-top -unit=ms -tagignore=pid=812 a.pb.gz");
	expect("Showing nodes accounting for 20ms");
	pprof("-top -unit=ms -tagfocus=thread=worker a.pb.gz");
	expect("Showing nodes accounting for 10ms");
	pprof("-top -unit=ms -tagroot=pid a.pb.gz");
	expect("813");
	pprof("-top -unit=ms -tagroot=thread a.pb.gz");
	expect_row("worker/1", 0, 10);
}

static void test_no_samples(void **state)
{
	struct profile_mapping m = {.start = 0x10, .limit = 0x20, .file = (char[]){"/bin/idle"}};

	(void)state;
	profile_mapping_main(&p, (uint32_t)profile_mapping_add(&p, &m));
	profile_comment(&p, "nothing ran");
	write_profile(&p, "none.pb.gz");
	pprof("-raw none.pb.gz");
	expect("/bin/idle");
	pprof("-top none.pb.gz");
	expect("Total samples = 0");
	pprof("-comments none.pb.gz");
	expect("nothing ran");
}

static void test_merge(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	pprof("-top -unit=ms a.pb.gz a.pb.gz");
	expect("File: app");
	expect("Total samples = 240ms");
	expect_row("foo::inner (inline)", 120, 120);
	pprof("-comments a.pb.gz a.pb.gz");
	expect("17 samples lost");
}

/* Two runs of one program that the kernel has put at different addresses. */
static void test_diff_over_aslr(void **state)
{
	(void)state;
	example_file("a.pb.gz", 0x400000);
	example_file("b.pb.gz", 0x7f12345000);
	pprof("-top -diff_base a.pb.gz b.pb.gz");
	expect("Showing nodes accounting for 0, 0% of");
	expect_none("foo::");
	pprof("-top -base a.pb.gz b.pb.gz");
	expect_none("foo::");
	example_add(&p, (uint32_t[]){example_frame(&p, 2, 0x7f12345900, "grown")}, 1, 812, "main",
		    7);
	write_profile(&p, "b.pb.gz");
	pprof("-top -unit=ms -diff_base a.pb.gz b.pb.gz");
	expect_row("grown", 70, 70);
	expect_none("foo::");
}

static void test_many_stacks(void **state)
{
	enum { STACKS = 20000 };
	struct profile_mapping m = {.start = 0x1000,
				    .limit = 0x100000,
				    .file = (char[]){"/big"},
				    .has_functions = true};
	uint32_t map = (uint32_t)profile_mapping_add(&p, &m), n;
	char name[32];

	(void)state;
	for (n = 0; n < 200; n++) {
		snprintf(name, sizeof(name), "_Z3f%02ui", n % 100);
		if (n < 100)
			name[2] = '3';
		example_frame(&p, map, 0x1000 + n, name);
	}
	for (n = 0; n < STACKS; n++)
		example_add(&p, (uint32_t[]){n % 200, n / 200, 0}, 3, 1, "t", 1);
	write_profile(&p, "big.pb.gz");
	assert_int_equal(p.samples.n, STACKS);
	pprof("-top -nodecount=3 big.pb.gz");
	expect("Total samples = 200s");
	expect("f00");
}

static void test_text_from_strangers(void **state)
{
	uint32_t stack[] = {example_frame(&p, PROFILE_NO_MAPPING, 1, "bad\xff\xc3(name"),
			    (uint32_t)profile_synthetic(&p, "[synthetic %s \\ \"]")};

	(void)state;
	example_add(&p, stack, 2, 1, "\x80\"';\n", 1);
	write_profile(&p, "odd.pb.gz");
	pprof("-top odd.pb.gz");
	expect("bad?");
	expect("[synthetic %s \\ \"]");
	pprof("-traces odd.pb.gz");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_raw),	     T(test_top),
		T(test_traces),	     T(test_comments_and_tags),
		T(test_tagfocus),    T(test_no_samples),
		T(test_merge),	     T(test_diff_over_aslr),
		T(test_many_stacks), T(test_text_from_strangers),
	};

	return cmocka_run_group_tests_name("pprof", tests, setup_dir, remove_dir);
}
