// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bytes are a list of calls to the profile model, good and bad ones. What comes out of the
 * writer must be a profile in which the decoder of tests/lib finds nothing wrong, with the samples
 * that were added.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/profile/model.h"
#include "../../agent/profile/proto.h"
#include "../lib/pprof_decode.h"

struct input {
	const uint8_t *p, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint64_t number(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | byte(in);
	return v;
}

/* Mostly small, sometimes anything. */
static int64_t value(struct input *in)
{
	uint8_t b = byte(in);

	return b < 0xf0 ? (int8_t)b : (int64_t)number(in, 8);
}

static char *text(struct input *in, char to[static 64])
{
	size_t n = byte(in) % 64;

	for (size_t i = 0; i < n; i++)
		to[i] = (char)byte(in);
	to[n] = 0;
	return to;
}

/* A number that exists, or sometimes one that does not. */
static uint32_t some(struct input *in, uint32_t n)
{
	uint8_t b = byte(in);

	return b == 0xff ? n + byte(in) : n ? b % n : 0;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void add_mapping(struct profile *p, struct input *in)
{
	char file[64], build_id[64];
	struct profile_mapping m = {.start = number(in, 2) << (byte(in) % 49),
				    .offset = number(in, 2),
				    .file = text(in, file),
				    .build_id = text(in, build_id)};

	m.limit = m.start + number(in, 2);
	m.has_functions = byte(in) & 1;
	if (profile_nmappings(p) < 64)
		check(profile_mapping_add(p, &m) == profile_nmappings(p) - 1, "mapping index");
}

static void add_location(struct profile *p, struct input *in)
{
	uint32_t m = some(in, profile_nmappings(p));
	uint64_t addr = number(in, 2);
	int64_t l;

	if (m < profile_nmappings(p))
		addr += profile_mapping(p, m)->start;
	l = profile_location(p, m, addr);
	if (m >= profile_nmappings(p) && m != PROFILE_NO_MAPPING)
		check(l == -EINVAL, "location in no mapping");
	else
		check(l == -EFBIG || (l >= 0 && l < p->locations.n), "location number");
}

/* Adds a sample; returns what it added to the total of the first value. */
static int64_t add_sample(struct profile *p, struct input *in)
{
	struct profile_label labels[PROFILE_LABELS_MAX + 1];
	unsigned int nlabels = byte(in) % (PROFILE_LABELS_MAX + 2);
	uint32_t stack[PROFILE_STACK_MAX + 1];
	unsigned int depth = byte(in) % 32;
	int64_t values[PROFILE_VALUES_MAX];

	if (depth == 31)
		depth = PROFILE_STACK_MAX + (byte(in) & 1);
	for (unsigned int i = 0; i < depth; i++)
		stack[i] = some(in, p->locations.n);
	for (unsigned int i = 0; i < nlabels; i++)
		labels[i] = (struct profile_label){.key = some(in, p->strings.n),
						   .str = some(in, p->strings.n),
						   .num = value(in)};
	for (unsigned int i = 0; i < PROFILE_VALUES_MAX; i++)
		values[i] = value(in);
	values[0] = (int8_t)values[0];
	return profile_add(p, stack, depth, labels, nlabels, values) ? 0 : values[0];
}

static void name_location(struct profile *p, struct input *in)
{
	struct profile_line lines[PROFILE_LINES_MAX + 2];
	uint32_t n = byte(in) % 8;

	if (n == 7)
		n = ARRAY_SIZE(lines);
	for (uint32_t i = 0; i < n; i++)
		lines[i] = (struct profile_line){.name = some(in, p->strings.n),
						 .file = some(in, p->strings.n),
						 .line = value(in),
						 .start_line = value(in)};
	profile_name(p, some(in, p->locations.n), lines, n);
}

/* One call. */
static int64_t step(struct profile *p, struct input *in)
{
	char s[64];

	switch (byte(in) % 9) {
	case 0:
		add_mapping(p, in);
		return 0;
	case 1:
		check(profile_string(p, text(in, s)) < p->strings.n, "string number");
		return 0;
	case 2:
		profile_synthetic(p, text(in, s));
		return 0;
	case 3:
		name_location(p, in);
		return 0;
	case 4:
		check(!profile_comment(p, "%s", text(in, s)), "comment");
		return 0;
	case 5:
		if (profile_nmappings(p))
			profile_mapping_main(p, byte(in) % profile_nmappings(p));
		return 0;
	case 6:
		add_location(p, in);
		return 0;
	default:
		return add_sample(p, in);
	}
}

static void check_written(const struct profile *p, int64_t total)
{
	_cleanup_buf_ struct buf out = {0};
	struct pd_profile d;
	const char *err;

	check(!proto_write(p, &out), "not written");
	err = pd_decode(out.data, out.len, &d);
	check(!err, err);
	for (size_t i = 0; i < d.nsamples; i++)
		total -= d.samples[i].values[0];
	check(!total, "the total changed");
	check(d.nsamples <= p->samples.n && d.nmappings <= profile_nmappings(p),
	      "more than there is");
	if (p->main_mapping < profile_nmappings(p))
		check(d.nmappings &&
			      d.mappings[0].start == ((const struct profile_mapping *)(const void *)
							      p->mappings.data)[p->main_mapping]
							     .start,
		      "main mapping");
	pd_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.p = data, .end = data + size};
	uint8_t flags = byte(&in);
	struct profile p;
	int64_t total = 0;

	check(!profile_init(&p, flags & 1 ? 1024u << (flags >> 5) : 0), "init");
	p.nvalues = 1 + (flags >> 1) % PROFILE_VALUES_MAX;
	for (unsigned int i = 0; i < p.nvalues; i++)
		p.sample_types[i] = (struct profile_value_type){"cpu", "nanoseconds"};
	if (flags & 8)
		p.period_type = p.sample_types[0];
	p.time_ns = value(&in);
	p.period = value(&in);
	if (flags & 16)
		p.default_type = "cpu";
	while (in.p < in.end)
		total += step(&p, &in);
	check_written(&p, total);
	profile_deinit(&p);
	return 0;
}
