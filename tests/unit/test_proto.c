// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/profile/proto.c and wire.c, read back with the decoder of tests/lib. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/profile/model.h"
#include "../../agent/profile/proto.h"
#include "../../agent/profile/wire.h"
#include "../lib/example_profile.h"
#include "../lib/pprof_decode.h"

static struct profile p;
static struct buf out;
static struct pd_profile d;

static int setup(void **state)
{
	(void)state;
	example_init(&p);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pd_free(&d);
	memset(&d, 0, sizeof(d));
	buf_deinit(&out);
	profile_deinit(&p);
	return 0;
}

/* Writes p and decodes it into d; every rule that the decoder knows must hold. */
static void write_and_decode(void)
{
	const char *err;

	pd_free(&d);
	buf_deinit(&out);
	assert_int_equal(proto_write(&p, &out), 0);
	err = pd_decode(out.data, out.len, &d);
	if (err)
		fail_msg("%s", err);
}

#define assert_text(s, expected) assert_string_equal(pd_text(&d, s), expected)

static void test_header(void **state)
{
	(void)state;
	example_fill(&p, 0x400000);
	p.default_type = "samples";
	write_and_decode();
	assert_int_equal(d.nsample_types, 2);
	assert_text(d.sample_types[0].type, "samples");
	assert_text(d.sample_types[0].unit, "count");
	assert_text(d.sample_types[1].type, "cpu");
	assert_text(d.sample_types[1].unit, "nanoseconds");
	assert_text(d.period_type.type, "cpu");
	assert_text(d.period_type.unit, "nanoseconds");
	assert_int_equal(d.period, EXAMPLE_PERIOD);
	assert_int_equal(d.time_ns, 1700000000000000000);
	assert_int_equal(d.duration_ns, 5000000000);
	assert_text(d.default_type, "samples");
	assert_int_equal(d.ncomments, 1);
	assert_text(d.comments[0], "kpprof: 17 samples lost");
}

static void test_optional_header_fields(void **state)
{
	(void)state;
	p.duration_ns = 0;
	p.period_type.type = NULL;
	p.period = 0;
	write_and_decode();
	assert_int_equal(d.nperiod_types, 0);
	assert_int_equal(d.duration_ns, 0);
	assert_int_equal(d.default_type, 0);
}

static void test_stacks(void **state)
{
	(void)state;
	example_fill(&p, 0x400000);
	write_and_decode();
	assert_int_equal(d.nsamples, EXAMPLE_SAMPLES);
	assert_int_equal(d.samples[1].nlocations, 3);
	assert_string_equal(pd_frame(&d, 1, 0, 0), "do_syscall_64");
	assert_string_equal(pd_frame(&d, 1, 1, 0), "plain_c");
	assert_string_equal(pd_frame(&d, 1, 2, 0), "_start");
	assert_int_equal(d.samples[1].values[0], 3);
	assert_int_equal(d.samples[1].values[1], 3 * EXAMPLE_PERIOD);
}

static void test_inlines(void **state)
{
	const struct pd_location *l;

	(void)state;
	example_fill(&p, 0x400000);
	write_and_decode();
	l = &d.locations[d.samples[0].locations[0] - 1];
	assert_int_equal(l->nlines, 3);
	assert_string_equal(pd_frame(&d, 0, 0, 0), "_ZN3foo5innerEv");
	assert_string_equal(pd_frame(&d, 0, 0, 2), "_ZN3foo3barEi");
	assert_int_equal(l->lines[0].line, 7);
	assert_int_equal(l->lines[2].line, 27);
	assert_text(d.functions[l->lines[2].function - 1].file, "/src/foo.cc");
}

static void test_mappings(void **state)
{
	(void)state;
	example_fill(&p, 0x400000);
	write_and_decode();
	assert_int_equal(d.nmappings, 3);
	assert_text(d.mappings[0].file, "/usr/sbin/app");
	assert_text(d.mappings[0].build_id, "0badc0de");
	assert_int_equal(d.mappings[0].start, 0x400000);
	assert_int_equal(d.mappings[0].limit, 0x405000);
	assert_int_equal(d.mappings[0].offset, 0x1000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(d.mappings[0].flags[i], 1);
	assert_text(d.mappings[1].file, "[kernel.kallsyms]_stext");
	assert_int_equal(d.mappings[1].flags[0], 1);
	assert_int_equal(d.mappings[1].flags[3], 0);
	assert_text(d.mappings[2].file, "/lib/libnone.so");
	assert_int_equal(d.mappings[2].flags[0], 0);
}

static void test_nameless_and_synthetic(void **state)
{
	const struct pd_location *none, *truncated;

	(void)state;
	example_fill(&p, 0x400000);
	write_and_decode();
	none = &d.locations[d.samples[3].locations[0] - 1];
	truncated = &d.locations[d.samples[3].locations[1] - 1];
	assert_int_equal(none->nlines, 0);
	assert_int_equal(none->address, 0x500123);
	assert_text(d.mappings[none->mapping - 1].file, "/lib/libnone.so");
	assert_int_equal(truncated->mapping, 0);
	assert_int_equal(truncated->nlines, 1);
	assert_string_equal(pd_frame(&d, 3, 1, 0), "[truncated: no unwind rows]");
}

static void test_labels(void **state)
{
	const struct pd_label *l;

	(void)state;
	example_fill(&p, 0x400000);
	write_and_decode();
	assert_int_equal(d.samples[2].nlabels, 2);
	l = d.samples[2].labels;
	assert_text(l[0].key, "pid");
	assert_int_equal(l[0].num, 812);
	assert_int_equal(l[0].str, 0);
	assert_text(l[1].key, "thread");
	assert_text(l[1].str, "worker/1");
}

static void test_zero_samples_are_left_out(void **state)
{
	uint32_t lost, a;
	struct profile_mapping m = {.start = 0x10, .limit = 0x20, .file = (char[]){"/unused"}};

	(void)state;
	a = (uint32_t)profile_mapping_add(&p, &m);
	lost = example_frame(&p, a, 0x11, "never_seen");
	example_add(&p, &lost, 1, 1, "unused thread", 0);
	example_fill(&p, 0x400000);
	example_add(&p, &lost, 1, 2, "taken back", 5);
	example_add(&p, &lost, 1, 2, "taken back", -5);
	write_and_decode();
	assert_int_equal(d.nsamples, EXAMPLE_SAMPLES);
	assert_int_equal(d.nmappings, 3);
	for (size_t i = 0; i < d.nstrings; i++) {
		assert_string_not_equal(pd_text(&d, i), "/unused");
		assert_string_not_equal(pd_text(&d, i), "never_seen");
		assert_string_not_equal(pd_text(&d, i), "unused thread");
	}
}

static void test_no_samples(void **state)
{
	struct profile_mapping m = {.start = 0x10, .limit = 0x20, .file = (char[]){"/bin/idle"}};

	(void)state;
	profile_mapping_add(&p, &(struct profile_mapping){.limit = 5});
	profile_mapping_main(&p, (uint32_t)profile_mapping_add(&p, &m));
	write_and_decode();
	assert_int_equal(d.nsamples, 0);
	assert_int_equal(d.nmappings, 1);
	assert_text(d.mappings[0].file, "/bin/idle");
	assert_int_equal(d.nlocations + d.nfunctions, 0);
}

static int compare_strings(const void *a, const void *b)
{
	const struct pd_string *x = a, *y = b;
	int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);

	return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* A type that is also a string of the profile, equal file names of mappings: one string. */
static void test_strings_once(void **state)
{
	struct profile_mapping m = {.start = 0x10,
				    .limit = 0x20,
				    .file = (char[]){"/twice"},
				    .build_id = (char[]){"/twice"}};
	uint32_t stack[2];

	(void)state;
	stack[0] = example_frame(&p, (uint32_t)profile_mapping_add(&p, &m), 0x10, "cpu");
	m.start = 0x18;
	stack[1] = example_frame(&p, (uint32_t)profile_mapping_add(&p, &m), 0x18, "count");
	example_add(&p, stack, 2, 1, "samples", 1);
	example_fill(&p, 0x400000);
	write_and_decode();
	qsort(d.strings, d.nstrings, sizeof(*d.strings), compare_strings);
	for (size_t i = 1; i < d.nstrings; i++)
		assert_int_not_equal(compare_strings(&d.strings[i - 1], &d.strings[i]), 0);
}

static void test_functions_once(void **state)
{
	struct profile_line line = example_line(&p, "f", "f.c", 3);
	uint32_t stack[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		stack[i] = example_frame(&p, PROFILE_NO_MAPPING, i, NULL);
		line.line = i;
		if (i == 2)
			line.start_line = 99;
		if (i == 3)
			line.file = example_string(&p, "other.c");
		profile_name(&p, stack[i], &line, 1);
	}
	example_add(&p, stack, 4, 1, "t", 1);
	write_and_decode();
	assert_int_equal(d.nlocations, 4);
	assert_int_equal(d.nfunctions, 3);
	assert_int_equal(d.locations[0].lines[0].function, d.locations[1].lines[0].function);
	assert_int_equal(d.functions[d.locations[2].lines[0].function - 1].start_line, 99);
}

static void test_extreme_numbers(void **state)
{
	struct profile_mapping m = {.start = 0, .limit = UINT64_MAX, .offset = UINT64_MAX};
	uint32_t stack[] = {
		example_frame(&p, (uint32_t)profile_mapping_add(&p, &m), UINT64_MAX - 1, NULL)};
	struct profile_line line = {
		.name = example_string(&p, "f"), .line = INT64_MIN, .start_line = INT64_MAX};
	struct profile_label l[] = {example_number(&p, "low", INT64_MIN),
				    example_number(&p, "zero", 0)};

	(void)state;
	profile_name(&p, stack[0], &line, 1);
	profile_add(&p, stack, 1, l, 2, (int64_t[]){INT64_MIN, INT64_MAX});
	write_and_decode();
	assert_true(d.samples[0].values[0] == INT64_MIN && d.samples[0].values[1] == INT64_MAX);
	assert_true(d.samples[0].labels[0].num == INT64_MIN);
	assert_true(d.samples[0].labels[1].num == 0 && d.samples[0].labels[1].str == 0);
	assert_true(d.locations[0].lines[0].line == INT64_MIN);
	assert_true(d.functions[0].start_line == INT64_MAX);
	assert_true(d.locations[0].address == UINT64_MAX - 1 && d.mappings[0].offset == UINT64_MAX);
}

/* The largest messages that the model can hold. */
static void test_largest_messages(void **state)
{
	static struct profile_line lines[PROFILE_LINES_MAX];
	static const char keys[PROFILE_LABELS_MAX][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct profile_label labels[PROFILE_LABELS_MAX];
	uint32_t stack[PROFILE_STACK_MAX];

	(void)state;
	p.nvalues = PROFILE_VALUES_MAX;
	for (unsigned int i = 0; i < PROFILE_VALUES_MAX; i++)
		p.sample_types[i] = p.sample_types[1];
	for (unsigned int i = 0; i < PROFILE_LABELS_MAX; i++)
		labels[i] = example_number(&p, keys[i], INT64_MIN);
	for (unsigned int i = 0; i < PROFILE_LINES_MAX; i++)
		lines[i] = (struct profile_line){
			.name = example_string(&p, "x"), .line = -1, .start_line = -(int64_t)i};
	for (unsigned int i = 0; i < PROFILE_STACK_MAX; i++) {
		stack[i] = example_frame(&p, PROFILE_NO_MAPPING, UINT64_MAX - i, NULL);
		profile_name(&p, stack[i], lines, PROFILE_LINES_MAX);
	}
	assert_int_equal(profile_add(&p, stack, PROFILE_STACK_MAX, labels, PROFILE_LABELS_MAX,
				     (int64_t[]){INT64_MIN, INT64_MIN, -1, -2}),
			 0);
	write_and_decode();
	assert_int_equal(d.samples[0].nlocations, PROFILE_STACK_MAX);
	assert_int_equal(d.samples[0].nlabels, PROFILE_LABELS_MAX);
	assert_int_equal(d.locations[PROFILE_STACK_MAX - 1].nlines, PROFILE_LINES_MAX);
}

static void expect_name(const char *name, const char *written)
{
	uint32_t stack[] = {example_frame(&p, PROFILE_NO_MAPPING, p.locations.n, name)};

	example_add(&p, stack, 1, 1, "t", 1);
	write_and_decode();
	assert_string_equal(pd_frame(&d, d.nsamples - 1, 0, 0), written);
}

static void test_text_is_utf8(void **state)
{
	(void)state;
	expect_name("plain", "plain");
	expect_name("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5",
		    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5");
	expect_name("\xff", "?");
	expect_name("a\xc3", "a?");
	expect_name("\xc0\xaf.", "??.");		     /* overlong */
	expect_name("\xed\xa0\x80", "???");		     /* surrogate */
	expect_name("\xf4\x90\x80\x80 \xe2\x82", "???? ??"); /* beyond the last, cut */
	expect_name("\xe2\x82\xe2\x82\xac", "??\xe2\x82\xac");
	expect_name("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
		    "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

static void test_same_bytes(void **state)
{
	_cleanup_buf_ struct buf first = {0};
	struct profile again;

	(void)state;
	example_fill(&p, 0x400000);
	assert_int_equal(proto_write(&p, &first), 0);
	assert_int_equal(proto_write(&p, &out), 0);
	assert_int_equal(first.len, out.len);
	assert_memory_equal(first.data, out.data, out.len);
	example_init(&again);
	example_fill(&again, 0x400000);
	buf_deinit(&out);
	assert_int_equal(proto_write(&again, &out), 0);
	assert_memory_equal(first.data, out.data, out.len);
	profile_deinit(&again);
}

static void test_appends_or_leaves_alone(void **state)
{
	const char *err;

	(void)state;
	example_fill(&p, 0x400000);
	buf_puts(&out, "before");
	assert_int_equal(proto_write(&p, &out), 0);
	assert_memory_equal(out.data, "before", 6);
	err = pd_decode(out.data + 6, out.len - 6, &d);
	assert_null(err);
	buf_deinit(&out);
	out.max = 50;
	buf_puts(&out, "before");
	assert_int_equal(proto_write(&p, &out), -EFBIG);
	assert_int_equal(out.len, 6);
	buf_deinit(&out);
	out.max = 0;
}

/* A decoder that finds nothing wrong with anything would make these tests worthless. */
static void test_decoder_objects(void **state)
{
	(void)state;
	example_fill(&p, 0x400000);
	assert_int_equal(proto_write(&p, &out), 0);
	assert_non_null(pd_decode(out.data, out.len - 1, &d));
	pd_free(&d);
	buf_puts(&out, "x");
	assert_non_null(pd_decode(out.data, out.len, &d));
	pd_free(&d);
	out.data[4] = 1; /* a time in the gzip header */
	assert_non_null(pd_decode(out.data, out.len - 1, &d));
	pd_free(&d);
	profile_mapping(&p, 2)->limit = 0x400101; /* an address out of its mapping */
	buf_deinit(&out);
	assert_int_equal(proto_write(&p, &out), 0);
	assert_string_equal(pd_decode(out.data, out.len, &d), "address out of mapping");
}

static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Something of the size of a busy box: 15 000 samples of about 24 frames out of 2 100 locations. */
static void test_large(void **state)
{
	enum { LOCATIONS = 2100, SAMPLES = 15000 };
	struct profile_mapping m = {.start = 0x1000, .limit = 0x1000000, .file = (char[]){"/big"}};
	uint64_t seed = 88172645463325252;
	uint32_t map, n, locations[LOCATIONS];
	struct timespec t0, t1;
	char name[64];
	double ms;

	(void)state;
	map = (uint32_t)profile_mapping_add(&p, &m);
	for (uint32_t i = 0; i < LOCATIONS; i++) {
		snprintf(name, sizeof(name), "_ZN4some9namespace12function%05uEv", i / 3);
		locations[i] = example_frame(&p, map, 0x1000 + rnd(&seed) % 0xfff000, name);
	}
	while ((n = p.samples.n) < SAMPLES) {
		uint32_t stack[40];
		unsigned int depth = 8 + (unsigned int)(rnd(&seed) % 32);

		for (unsigned int i = 0; i < depth; i++)
			stack[i] = locations[(rnd(&seed) % 60) * (depth - i) % LOCATIONS];
		snprintf(name, sizeof(name), "worker/%u", n % 16);
		example_add(&p, stack, depth, 800 + n % 9, name, 1);
	}
	clock_gettime(CLOCK_MONOTONIC, &t0);
	assert_int_equal(proto_write(&p, &out), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	ms = (double)(t1.tv_sec - t0.tv_sec) * 1e3 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e6;
	assert_null(pd_decode(out.data, out.len, &d));
	assert_int_equal(d.nsamples, SAMPLES);
	print_message("%u samples: %.1f ms, %.0f MB/s, %zu KiB of proto, %zu KiB of gzip, model "
		      "%zu KiB\n",
		      SAMPLES, ms, (double)d.raw_len / ms / 1e3, d.raw_len / 1024, out.len / 1024,
		      profile_bytes(&p) / 1024);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_header),		  T(test_optional_header_fields),
		T(test_stacks),		  T(test_inlines),
		T(test_mappings),	  T(test_nameless_and_synthetic),
		T(test_labels),		  T(test_zero_samples_are_left_out),
		T(test_no_samples),	  T(test_strings_once),
		T(test_functions_once),	  T(test_extreme_numbers),
		T(test_largest_messages), T(test_text_is_utf8),
		T(test_same_bytes),	  T(test_appends_or_leaves_alone),
		T(test_decoder_objects),  T(test_large),
	};

	return cmocka_run_group_tests_name("proto", tests, NULL, NULL);
}
