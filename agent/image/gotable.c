// SPDX-License-Identifier: GPL-2.0-or-later
#include "gotable.h"

#include <errno.h>
#include <string.h>

/* Steps through one pc-value table; the largest of a real program has some ten thousand. */
#define STEPS_MAX  (1u << 20)
#define STRING_MAX 65536u

enum { PTR_SIZE = 8, HEADER_SIZE = 8 };

static bool get32(const struct gospan *s, uint64_t at, uint32_t *v)
{
	if (at > s->size || s->size - at < sizeof(*v))
		return false;
	memcpy(v, s->data + at, sizeof(*v));
	return true;
}

static bool get64(const struct gospan *s, uint64_t at, uint64_t *v)
{
	if (at > s->size || s->size - at < sizeof(*v))
		return false;
	memcpy(v, s->data + at, sizeof(*v));
	return true;
}

static bool span_at(const struct gospan *all, uint64_t at, struct gospan *out)
{
	if (at >= all->size)
		return false;
	*out = (struct gospan){all->data + at, all->size - at};
	return true;
}

static bool version_of(uint32_t magic, enum gotable_version *v)
{
	static const struct {
		uint32_t magic;
		enum gotable_version version;
	} known[] = {
		{0xfffffffb, GO_1_2},
		{0xfffffffa, GO_1_16},
		{0xfffffff0, GO_1_18},
		{0xfffffff1, GO_1_20},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		*v = known[i].version;
		if (known[i].magic == magic)
			return true;
	}
	return false;
}

bool gotable_header_ok(const uint8_t *p)
{
	enum gotable_version v;
	uint32_t magic;

	memcpy(&magic, p, sizeof(magic));
	return version_of(magic, &v) && !p[4] && !p[5] && (p[6] == 1 || p[6] == 2 || p[6] == 4) &&
	       p[7] == PTR_SIZE;
}

/* Word @i of those that follow the header. */
static bool header_word(const struct gotable *t, unsigned int i, uint64_t *v)
{
	return get64(&t->all, HEADER_SIZE + (uint64_t)i * PTR_SIZE, v);
}

static bool header_span(const struct gotable *t, unsigned int i, struct gospan *out)
{
	uint64_t at;

	return header_word(t, i, &at) && span_at(&t->all, at, out);
}

/* Width of an entry of the functab, and of the pc in a function record. */
static size_t pc_size(const struct gotable *t)
{
	return t->version >= GO_1_18 ? 4 : PTR_SIZE;
}

static bool init_go12(struct gotable *t)
{
	uint32_t files;
	uint64_t at;

	t->names = t->pcs = t->funcs = t->all;
	if (!span_at(&t->all, HEADER_SIZE + PTR_SIZE, &t->functab))
		return false;
	at = (2 * (uint64_t)t->nfunc + 1) * PTR_SIZE;
	return get32(&t->functab, at, &files) && span_at(&t->all, files, &t->files);
}

/* From Go 1.16 on the header is a list of offsets; in 1.18 the start of the text comes before. */
static bool init_go116(struct gotable *t)
{
	unsigned int word = t->version >= GO_1_18 ? 3 : 2;

	if (t->version >= GO_1_18 && !header_word(t, 2, &t->text))
		return false;
	if (!header_span(t, word, &t->names) || !header_span(t, word + 1, &t->cus) ||
	    !header_span(t, word + 2, &t->files) || !header_span(t, word + 3, &t->pcs) ||
	    !header_span(t, word + 4, &t->funcs))
		return false;
	t->functab = t->funcs;
	return true;
}

int gotable_init(struct gotable *t, const uint8_t *data, size_t size)
{
	uint32_t magic;
	uint64_t nfunc;

	*t = (struct gotable){.all = {data, size}};
	if (!get32(&t->all, 0, &magic) || size < HEADER_SIZE || !gotable_header_ok(data))
		return -EBADMSG;
	version_of(magic, &t->version);
	t->quantum = data[6];
	if (!header_word(t, 0, &nfunc) || !nfunc || nfunc > UINT32_MAX / 16)
		return -EBADMSG;
	t->nfunc = (uint32_t)nfunc;
	if (!(t->version == GO_1_2 ? init_go12(t) : init_go116(t)))
		return -EBADMSG;
	if ((2 * nfunc + 1) * pc_size(t) > t->functab.size)
		return -EBADMSG;
	return 0;
}

/* Entry @i of the functab, in words: pcs are the even ones. */
static uint64_t functab_word(const struct gotable *t, uint64_t i)
{
	uint64_t v64 = 0;
	uint32_t v32 = 0;

	if (t->version < GO_1_18) {
		get64(&t->functab, i * PTR_SIZE, &v64);
		return v64;
	}
	get32(&t->functab, i * sizeof(v32), &v32);
	return v32;
}

static uint64_t functab_pc(const struct gotable *t, uint32_t i)
{
	return t->text + functab_word(t, 2 * (uint64_t)i);
}

static bool has_flags(const struct gotable *t)
{
	return t->version >= GO_1_16;
}

/*
 * A function record: the pc, then int32 name, args, deferreturn, pcsp, pcfile, pcln, npcdata; since
 * Go 1.16 the unit; since 1.20 the first line; and in the last four bytes id, flags, 0, nfuncdata.
 */
bool gotable_func(const struct gotable *t, uint32_t i, struct gofunc *f)
{
	uint64_t at = functab_word(t, 2 * (uint64_t)i + 1) + pc_size(t);
	uint64_t tail = at + 28;
	uint32_t last;

	*f = (struct gofunc){.entry = functab_pc(t, i), .end = functab_pc(t, i + 1)};
	if (at > t->funcs.size || f->end <= f->entry)
		return false;
	if (!get32(&t->funcs, at, &f->name) || !get32(&t->funcs, at + 12, &f->pcsp) ||
	    !get32(&t->funcs, at + 16, &f->pcfile) || !get32(&t->funcs, at + 20, &f->pcln) ||
	    !get32(&t->funcs, at + 24, &f->npcdata))
		return false;
	if (t->version >= GO_1_16 && !get32(&t->funcs, tail, &f->cu))
		return false;
	tail += t->version >= GO_1_16 ? 4 : 0;
	if (t->version >= GO_1_20 && !get32(&t->funcs, tail, &f->start_line))
		return false;
	tail += t->version >= GO_1_20 ? 4 : 0;
	if (!get32(&t->funcs, tail, &last))
		return false;
	f->has_flags = has_flags(t);
	f->flags = f->has_flags ? (uint8_t)(last >> 8) : 0;
	f->nfuncdata = (uint8_t)(last >> 24);
	f->pcdata = (size_t)tail + 4;
	return true;
}

bool gotable_find(const struct gotable *t, uint64_t pc, struct gofunc *f)
{
	uint32_t lo = 0, hi = t->nfunc;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (functab_pc(t, mid) <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && gotable_func(t, lo - 1, f) && pc >= f->entry && pc < f->end;
}

const char *gotable_string(const struct gospan *s, uint64_t at)
{
	size_t room;

	if (at >= s->size)
		return NULL;
	room = s->size - at;
	if (room > STRING_MAX)
		room = STRING_MAX;
	return memchr(s->data + at, '\0', room) ? (const char *)s->data + at : NULL;
}

const char *gotable_file(const struct gotable *t, const struct gofunc *f, int32_t n)
{
	uint32_t at;

	if (n < 0)
		return NULL;
	if (t->version == GO_1_2)
		return n && get32(&t->files, (uint64_t)n * 4, &at) ? gotable_string(&t->all, at)
								   : NULL;
	if (!get32(&t->cus, ((uint64_t)f->cu + (uint32_t)n) * 4, &at) || at == UINT32_MAX)
		return NULL;
	return gotable_string(&t->files, at);
}

uint32_t gotable_pcdata(const struct gotable *t, const struct gofunc *f, uint32_t i)
{
	uint32_t off;

	return i < f->npcdata && get32(&t->funcs, f->pcdata + 4 * (uint64_t)i, &off) ? off : 0;
}

uint32_t gotable_funcdata(const struct gotable *t, const struct gofunc *f, uint32_t i)
{
	uint32_t off;

	if (t->version < GO_1_18 || i >= f->nfuncdata)
		return UINT32_MAX;
	return get32(&t->funcs, f->pcdata + 4 * ((uint64_t)f->npcdata + i), &off) ? off
										  : UINT32_MAX;
}

static bool read_varint(struct gopcs *w, uint32_t *v)
{
	*v = 0;
	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint8_t b;

		if (w->p == w->limit)
			return false;
		b = *w->p++;
		*v |= (uint32_t)(b & 0x7f) << (shift < 32 ? shift : 31);
		if (!(b & 0x80))
			return true;
	}
	return false;
}

bool gopcs_init(struct gopcs *w, const struct gotable *t, const struct gofunc *f, uint32_t off)
{
	if (!off || off >= t->pcs.size)
		return false;
	*w = (struct gopcs){
		.p = t->pcs.data + off,
		.limit = t->pcs.data + t->pcs.size,
		.quantum = t->quantum,
		.first = true,
		.start = f->entry,
		.end = f->entry,
		.value = -1,
	};
	return true;
}

bool gopcs_next(struct gopcs *w)
{
	uint32_t delta, pcs;

	if (!read_varint(w, &delta) || (!delta && !w->first) || !read_varint(w, &pcs))
		return false;
	w->first = false;
	/* Zigzag; wraps as in Go. */
	w->value = (int32_t)((uint32_t)w->value + ((delta & 1) ? ~(delta >> 1) : delta >> 1));
	w->start = w->end;
	w->end += (uint64_t)pcs * w->quantum;
	return true;
}

int32_t gotable_value(const struct gotable *t, const struct gofunc *f, uint32_t off, uint64_t pc,
		      uint32_t *steps)
{
	struct gopcs w;

	if (!gopcs_init(&w, t, f, off))
		return -1;
	for (; *steps && gopcs_next(&w); (*steps)--)
		if (pc < w.end)
			return w.value;
	return -1;
}
