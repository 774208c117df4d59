/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second opinion on agent/profile/proto.c: gunzip and decode a profile, and check what every
 * reader of profile.proto may rely on. Shares no code with the writer. Used by the unit tests and
 * the fuzzer.
 */
#ifndef KPPROF_TESTS_PPROF_DECODE_H
#define KPPROF_TESTS_PPROF_DECODE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct pd_string {
	const char *s;
	size_t len;
	bool used;
};

struct pd_value_type {
	uint64_t type, unit;
};

struct pd_label {
	uint64_t key, str;
	int64_t num;
};

struct pd_sample {
	uint64_t *locations;
	size_t nlocations;
	int64_t values[8];
	size_t nvalues;
	struct pd_label labels[16];
	size_t nlabels;
};

struct pd_mapping {
	uint64_t id, start, limit, offset, file, build_id, flags[4];
	bool used;
};

struct pd_line {
	uint64_t function;
	int64_t line;
};

struct pd_location {
	uint64_t id, mapping, address;
	struct pd_line *lines;
	size_t nlines;
	bool used;
};

struct pd_function {
	uint64_t id, name, system_name, file;
	int64_t start_line;
	bool used;
};

struct pd_profile {
	unsigned char *raw;
	size_t raw_len;
	struct pd_value_type sample_types[8];
	struct pd_value_type period_type;
	struct pd_sample *samples;
	struct pd_mapping *mappings;
	struct pd_location *locations;
	struct pd_function *functions;
	struct pd_string *strings;
	uint64_t *comments;
	size_t nsample_types, nsamples, nmappings, nlocations, nfunctions, nstrings, ncomments;
	size_t nperiod_types;
	int64_t time_ns, duration_ns, period;
	uint64_t default_type;
};

/* The unread rest of a message. */
struct pd_in {
	const unsigned char *p, *end;
	const char *error;
};

/* One field: a number, or bytes. */
struct pd_field {
	unsigned int number, wire;
	uint64_t v;
	struct pd_in bytes;
};

#define PD_MORE(array, n)                                                                   \
	({                                                                                  \
		/* Grows when n is a power of two or 0. */                                  \
		if (!((n) & ((n)-1)))                                                       \
			(array) = realloc((array), ((n) ? 2 * (n) : 1) * sizeof(*(array))); \
		if (!(array))                                                               \
			abort();                                                            \
		memset(&(array)[n], 0, sizeof(*(array)));                                   \
		&(array)[(n)++];                                                            \
	})

#define PD_CHECK(cond, text)         \
	do {                         \
		if (!(cond))         \
			return text; \
	} while (0)

static inline uint64_t pd_varint(struct pd_in *in)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 70; shift += 7) {
		if (in->p == in->end)
			break;
		/* The tenth byte holds one bit. */
		if (shift == 63 && *in->p > 1)
			break;
		v |= (uint64_t)(*in->p & 0x7f) << shift;
		if (!(*in->p++ & 0x80))
			return v;
	}
	in->error = "bad varint";
	in->p = in->end;
	return 0;
}

/* The next field; false at the end or after an error. */
static inline bool pd_next(struct pd_in *in, struct pd_field *f)
{
	uint64_t tag;

	if (in->error || in->p == in->end)
		return false;
	tag = pd_varint(in);
	*f = (struct pd_field){.number = (unsigned int)(tag >> 3), .wire = tag & 7};
	f->v = pd_varint(in);
	if (in->error)
		return false;
	if (f->wire == 0)
		return true;
	if (f->wire != 2 || f->v > (size_t)(in->end - in->p)) {
		in->error = "bad wire type or length";
		return false;
	}
	f->bytes = (struct pd_in){.p = in->p, .end = in->p + f->v};
	in->p += f->v;
	return true;
}

/* Stores number fields 1..n of a message at slots[0..n-1]; anything else is an error. */
static inline const char *pd_numbers(struct pd_in *in, uint64_t *const *slots, unsigned int n)
{
	struct pd_field f;

	while (pd_next(in, &f)) {
		PD_CHECK(f.wire == 0 && f.number >= 1 && f.number <= n, "unknown field");
		PD_CHECK(f.v, "a default is written");
		*slots[f.number - 1] = f.v;
	}
	return in->error;
}

static inline const char *pd_value_type(struct pd_in *in, struct pd_value_type *t)
{
	return pd_numbers(in, (uint64_t *const[]){&t->type, &t->unit}, 2);
}

static inline const char *pd_label(struct pd_in *in, struct pd_label *l)
{
	const char *err =
		pd_numbers(in, (uint64_t *const[]){&l->key, &l->str, (uint64_t *)&l->num}, 3);

	PD_CHECK(!err, err);
	PD_CHECK(l->key, "label without a key");
	PD_CHECK(!l->str || !l->num, "label with text and number");
	return NULL;
}

static inline const char *pd_sample_field(struct pd_field *f, struct pd_sample *s)
{
	PD_CHECK(f->wire == 2, "a list of a sample is not packed");
	if (f->number == 3) {
		PD_CHECK(s->nlabels < 16, "too many labels");
		return pd_label(&f->bytes, &s->labels[s->nlabels++]);
	}
	PD_CHECK(f->number == 1 ? !s->nlocations : f->number == 2 && !s->nvalues, "list twice");
	while (f->bytes.p < f->bytes.end) {
		uint64_t v = pd_varint(&f->bytes);

		if (f->number == 1) {
			*PD_MORE(s->locations, s->nlocations) = v;
		} else {
			PD_CHECK(s->nvalues < 8, "too many values");
			s->values[s->nvalues++] = (int64_t)v;
		}
	}
	return f->bytes.error;
}

static inline const char *pd_sample(struct pd_in *in, struct pd_sample *s)
{
	struct pd_field f;

	while (pd_next(in, &f)) {
		const char *err = pd_sample_field(&f, s);

		PD_CHECK(!err, err);
	}
	return in->error;
}

static inline const char *pd_mapping(struct pd_in *in, struct pd_mapping *m)
{
	return pd_numbers(in,
			  (uint64_t *const[]){&m->id, &m->start, &m->limit, &m->offset, &m->file,
					      &m->build_id, &m->flags[0], &m->flags[1],
					      &m->flags[2], &m->flags[3]},
			  10);
}

static inline const char *pd_location(struct pd_in *in, struct pd_location *l)
{
	struct pd_field f;

	while (pd_next(in, &f)) {
		PD_CHECK(f.wire == (f.number == 4 ? 2u : 0u), "wire type in location");
		if (f.number == 1) {
			l->id = f.v;
		} else if (f.number == 2) {
			l->mapping = f.v;
		} else if (f.number == 3) {
			l->address = f.v;
		} else if (f.number == 4) {
			struct pd_line *n = PD_MORE(l->lines, l->nlines);
			const char *err = pd_numbers(
				&f.bytes, (uint64_t *const[]){&n->function, (uint64_t *)&n->line},
				2);

			PD_CHECK(!err, err);
		} else {
			return "unknown field in location";
		}
	}
	return in->error;
}

static inline const char *pd_function(struct pd_in *in, struct pd_function *f)
{
	return pd_numbers(in,
			  (uint64_t *const[]){&f->id, &f->name, &f->system_name, &f->file,
					      (uint64_t *)&f->start_line},
			  5);
}

static inline const char *pd_string(struct pd_in *in, struct pd_string *s)
{
	s->s = (const char *)in->p;
	s->len = (size_t)(in->end - in->p);
	return NULL;
}

static inline const char *pd_bytes_field(struct pd_field *f, struct pd_profile *p)
{
	switch (f->number) {
	case 1:
		PD_CHECK(p->nsample_types < 8, "too many sample types");
		return pd_value_type(&f->bytes, &p->sample_types[p->nsample_types++]);
	case 2:
		return pd_sample(&f->bytes, PD_MORE(p->samples, p->nsamples));
	case 3:
		return pd_mapping(&f->bytes, PD_MORE(p->mappings, p->nmappings));
	case 4:
		return pd_location(&f->bytes, PD_MORE(p->locations, p->nlocations));
	case 5:
		return pd_function(&f->bytes, PD_MORE(p->functions, p->nfunctions));
	case 6:
		return pd_string(&f->bytes, PD_MORE(p->strings, p->nstrings));
	case 11:
		PD_CHECK(!p->nperiod_types++, "two period types");
		return pd_value_type(&f->bytes, &p->period_type);
	default:
		return "unknown field of bytes";
	}
}

static inline const char *pd_number_field(const struct pd_field *f, struct pd_profile *p)
{
	PD_CHECK(f->v, "a default is written");
	switch (f->number) {
	case 9:
		p->time_ns = (int64_t)f->v;
		return NULL;
	case 10:
		p->duration_ns = (int64_t)f->v;
		return NULL;
	case 12:
		p->period = (int64_t)f->v;
		return NULL;
	case 13:
		*PD_MORE(p->comments, p->ncomments) = f->v;
		return NULL;
	case 14:
		p->default_type = f->v;
		return NULL;
	default:
		return "unknown number field";
	}
}

static inline const char *pd_gunzip(const void *gz, size_t len, struct pd_profile *p)
{
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)gz, .avail_in = (uInt)len};
	size_t cap = 0;
	int ret = Z_OK;

	PD_CHECK(len > 10 && !memcmp(gz, "\x1f\x8b\x08\0\0\0\0\0", 8),
		 "gzip header with flags or a time");
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		abort();
	while (ret == Z_OK) {
		if (z.total_out == cap) {
			cap = cap ? cap * 2 : 4096;
			p->raw = realloc(p->raw, cap);
			if (!p->raw)
				abort();
		}
		z.next_out = p->raw + z.total_out;
		z.avail_out = (uInt)(cap - z.total_out);
		ret = inflate(&z, Z_NO_FLUSH);
	}
	p->raw_len = z.total_out;
	inflateEnd(&z);
	PD_CHECK(ret == Z_STREAM_END, "damaged gzip");
	PD_CHECK(!z.avail_in, "something behind the gzip");
	return NULL;
}

static inline void pd_free(struct pd_profile *p)
{
	for (size_t i = 0; i < p->nsamples; i++)
		free(p->samples[i].locations);
	for (size_t i = 0; i < p->nlocations; i++)
		free(p->locations[i].lines);
	free(p->raw);
	free(p->samples);
	free(p->mappings);
	free(p->locations);
	free(p->functions);
	free(p->strings);
	free(p->comments);
}

/* Marks a string as used; false when there is no such string. */
static inline bool pd_use(struct pd_profile *p, uint64_t s)
{
	if (s >= p->nstrings)
		return false;
	p->strings[s].used = true;
	return true;
}

static inline const char *pd_check_samples(struct pd_profile *p)
{
	for (size_t i = 0; i < p->nsamples; i++) {
		const struct pd_sample *s = &p->samples[i];
		bool zero = true;

		PD_CHECK(s->nlocations, "empty stack");
		PD_CHECK(s->nvalues == p->nsample_types, "number of values");
		for (size_t j = 0; j < s->nvalues; j++)
			zero = zero && !s->values[j];
		PD_CHECK(!zero, "sample of zeros");
		for (size_t j = 0; j < s->nlocations; j++) {
			PD_CHECK(s->locations[j] - 1 < p->nlocations, "location does not exist");
			p->locations[s->locations[j] - 1].used = true;
		}
		for (size_t j = 0; j < s->nlabels; j++) {
			PD_CHECK(pd_use(p, s->labels[j].key) && pd_use(p, s->labels[j].str),
				 "label string");
			for (size_t k = 0; k < j; k++)
				PD_CHECK(s->labels[k].key != s->labels[j].key, "label twice");
		}
	}
	return NULL;
}

static inline const char *pd_check_locations(struct pd_profile *p)
{
	for (size_t i = 0; i < p->nlocations; i++) {
		const struct pd_location *l = &p->locations[i];

		PD_CHECK(l->id == i + 1, "location identifiers");
		PD_CHECK(l->used, "unused location");
		PD_CHECK(l->mapping <= p->nmappings, "mapping does not exist");
		if (l->mapping) {
			struct pd_mapping *m = &p->mappings[l->mapping - 1];

			m->used = true;
			PD_CHECK(l->address >= m->start && l->address < m->limit,
				 "address out of mapping");
		}
		for (size_t j = 0; j < l->nlines; j++) {
			PD_CHECK(l->lines[j].function - 1 < p->nfunctions,
				 "function does not exist");
			p->functions[l->lines[j].function - 1].used = true;
		}
	}
	return NULL;
}

static inline const char *pd_check_functions(struct pd_profile *p)
{
	for (size_t i = 0; i < p->nfunctions; i++) {
		const struct pd_function *f = &p->functions[i];

		PD_CHECK(f->id == i + 1, "function identifiers");
		PD_CHECK(f->used, "unused function");
		PD_CHECK(f->name && f->name == f->system_name, "function names");
		PD_CHECK(pd_use(p, f->name) && pd_use(p, f->file), "function string");
	}
	return NULL;
}

static inline const char *pd_check_mappings(struct pd_profile *p)
{
	for (size_t i = 0; i < p->nmappings; i++) {
		const struct pd_mapping *m = &p->mappings[i];

		PD_CHECK(m->id == i + 1, "mapping identifiers");
		PD_CHECK(!i || m->used, "unused mapping");
		PD_CHECK(pd_use(p, m->file) && pd_use(p, m->build_id), "mapping string");
		for (size_t j = 0; j < 4; j++)
			PD_CHECK(m->flags[j] <= 1, "mapping flag");
	}
	return NULL;
}

/* Whether text is UTF-8, by decoding it and looking at the code points. */
static inline bool pd_is_utf8(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < len;) {
		unsigned int n = s[i] < 0x80	   ? 1
				 : s[i] >> 5 == 6  ? 2
				 : s[i] >> 4 == 14 ? 3
				 : s[i] >> 3 == 30 ? 4
						   : 0;
		uint32_t c;

		if (!n || n > len - i)
			return false;
		c = n == 1 ? s[i] : s[i] & (0x7fu >> n);
		for (unsigned int j = 1; j < n; j++) {
			if (s[i + j] >> 6 != 2)
				return false;
			c = c << 6 | (s[i + j] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		i += n;
	}
	return true;
}

static inline const char *pd_check_strings(struct pd_profile *p)
{
	PD_CHECK(p->nstrings && !p->strings[0].len, "the first string is not empty");
	for (size_t i = 0; i < p->nsample_types; i++)
		PD_CHECK(pd_use(p, p->sample_types[i].type) && pd_use(p, p->sample_types[i].unit),
			 "sample type");
	PD_CHECK(pd_use(p, p->period_type.type) && pd_use(p, p->period_type.unit), "period type");
	PD_CHECK(pd_use(p, p->default_type), "default type");
	for (size_t i = 0; i < p->ncomments; i++)
		PD_CHECK(pd_use(p, p->comments[i]), "comment");
	for (size_t i = 0; i < p->nstrings; i++) {
		PD_CHECK(!i || p->strings[i].used, "unused string");
		PD_CHECK(pd_is_utf8((const unsigned char *)p->strings[i].s, p->strings[i].len),
			 "not UTF-8");
	}
	return NULL;
}

/**
 * pd_decode() - decode and check
 *
 * Return: NULL, or what is wrong. pd_free() in both cases.
 */
static inline const char *pd_decode(const void *gz, size_t len, struct pd_profile *p)
{
	const char *(*const checks[])(struct pd_profile *) = {pd_check_samples, pd_check_locations,
							      pd_check_functions, pd_check_mappings,
							      pd_check_strings};
	struct pd_in in;
	struct pd_field f;
	const char *err;

	memset(p, 0, sizeof(*p));
	err = pd_gunzip(gz, len, p);
	in = (struct pd_in){.p = p->raw, .end = p->raw + p->raw_len};
	while (!err && pd_next(&in, &f))
		err = f.wire == 2 ? pd_bytes_field(&f, p) : pd_number_field(&f, p);
	if (!err)
		err = in.error;
	for (size_t i = 0; !err && i < sizeof(checks) / sizeof(checks[0]); i++)
		err = checks[i](p);
	return err;
}

/* String @s, terminated; for comparing. Not for two calls at once. */
static inline const char *pd_text(const struct pd_profile *p, uint64_t s)
{
	static char text[1024];
	size_t n = p->strings[s].len < sizeof(text) - 1 ? p->strings[s].len : sizeof(text) - 1;

	memcpy(text, p->strings[s].s, n);
	text[n] = 0;
	return text;
}

/* Name of line @j of the location that frame @frame of sample @i is. */
static inline const char *pd_frame(const struct pd_profile *p, size_t i, size_t frame, size_t j)
{
	const struct pd_location *l = &p->locations[p->samples[i].locations[frame] - 1];

	return j < l->nlines ? pd_text(p, p->functions[l->lines[j].function - 1].name) : "(none)";
}

#endif /* KPPROF_TESTS_PPROF_DECODE_H */
