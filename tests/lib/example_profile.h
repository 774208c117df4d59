/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile like the agent's, made by hand, for the writer's tests. Included behind cmocka.h. */
#ifndef KPPROF_TESTS_EXAMPLE_PROFILE_H
#define KPPROF_TESTS_EXAMPLE_PROFILE_H

#include "../../agent/profile/model.h"

enum { EXAMPLE_SAMPLES = 4, EXAMPLE_PERIOD = 10000000 };

static inline uint32_t example_string(struct profile *p, const char *s)
{
	int64_t i = profile_string(p, s);

	assert_true(i >= 0);
	return (uint32_t)i;
}

static inline struct profile_label example_text(struct profile *p, const char *key,
						const char *text)
{
	return (struct profile_label){.key = example_string(p, key),
				      .str = example_string(p, text)};
}

static inline struct profile_label example_number(struct profile *p, const char *key, int64_t n)
{
	return (struct profile_label){.key = example_string(p, key), .num = n};
}

static inline struct profile_line example_line(struct profile *p, const char *name,
					       const char *file, int64_t line)
{
	return (struct profile_line){
		.name = example_string(p, name), .file = example_string(p, file), .line = line};
}

static inline void example_init(struct profile *p)
{
	assert_int_equal(profile_init(p, 0), 0);
	p->nvalues = 2;
	p->sample_types[0] = (struct profile_value_type){"samples", "count"};
	p->sample_types[1] = (struct profile_value_type){"cpu", "nanoseconds"};
	p->period_type = (struct profile_value_type){"cpu", "nanoseconds"};
	p->period = EXAMPLE_PERIOD;
	p->time_ns = 1700000000000000000;
	p->duration_ns = 5000000000;
}

/* One location of one function; name NULL for none. */
static inline uint32_t example_frame(struct profile *p, uint32_t mapping, uint64_t addr,
				     const char *name)
{
	int64_t l = profile_location(p, mapping, addr);

	assert_true(l >= 0);
	if (name) {
		struct profile_line line = example_line(p, name, "", 0);

		assert_int_equal(profile_name(p, (uint32_t)l, &line, 1), 0);
	}
	return (uint32_t)l;
}

static inline void example_add(struct profile *p, const uint32_t *stack, unsigned int depth,
			       int64_t pid, const char *thread, int64_t count)
{
	struct profile_label labels[] = {example_number(p, "pid", pid),
					 example_text(p, "thread", thread)};

	assert_int_equal(
		profile_add(p, stack, depth, labels, 2, (int64_t[]){count, count * EXAMPLE_PERIOD}),
		0);
}

/*
 * A C++ program at @base in /usr/sbin/app, a library without symbols behind it, the kernel:
 * 6, 3 and 1 samples with names, 2 without. Kernel and library are added before the program.
 */
static inline void example_fill(struct profile *p, uint64_t base)
{
	struct profile_mapping kernel = {.start = 0xffffffff81000000,
					 .limit = 0xffffffff82000000,
					 .file = (char[]){"[kernel.kallsyms]_stext"},
					 .has_functions = true};
	struct profile_mapping lib = {.start = base + 0x100000,
				      .limit = base + 0x180000,
				      .offset = 0x26000,
				      .file = (char[]){"/lib/libnone.so"},
				      .build_id = (char[]){"aa00ff"}};
	struct profile_mapping app = {.start = base,
				      .limit = base + 0x5000,
				      .offset = 0x1000,
				      .file = (char[]){"/usr/sbin/app"},
				      .build_id = (char[]){"0badc0de"},
				      .has_functions = true,
				      .has_filenames = true,
				      .has_lines = true,
				      .has_inlines = true};
	uint32_t k = (uint32_t)profile_mapping_add(p, &kernel),
		 l = (uint32_t)profile_mapping_add(p, &lib);
	uint32_t a = (uint32_t)profile_mapping_add(p, &app);
	struct profile_line inlined[] = {example_line(p, "_ZN3foo5innerEv", "/src/foo.h", 7),
					 example_line(p, "_ZN3foo6middleEi", "/src/foo.h", 17),
					 example_line(p, "_ZN3foo3barEi", "/src/foo.cc", 27)};
	uint32_t start = example_frame(p, a, base + 0x100, "_start");
	uint32_t bar = example_frame(p, a, base + 0x200, NULL);
	uint32_t other = example_frame(p, a, base + 0x300, "plain_c");
	uint32_t sys = example_frame(p, k, 0xffffffff81001000, "do_syscall_64");
	uint32_t none = example_frame(p, l, base + 0x100123, NULL);
	uint32_t truncated = (uint32_t)profile_synthetic(p, "[truncated: no unwind rows]");

	profile_mapping_main(p, a);
	profile_name(p, bar, inlined, 3);
	example_add(p, (uint32_t[]){bar, start}, 2, 812, "main", 6);
	example_add(p, (uint32_t[]){sys, other, start}, 3, 812, "main", 3);
	example_add(p, (uint32_t[]){other, start}, 2, 812, "worker/1", 1);
	example_add(p, (uint32_t[]){none, truncated}, 2, 813, "child", 2);
	assert_int_equal(profile_comment(p, "kpprof: %d samples lost", 17), 0);
}

#endif /* KPPROF_TESTS_EXAMPLE_PROFILE_H */
