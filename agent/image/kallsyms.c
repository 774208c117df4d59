// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file is not sorted over all modules, and has over 100 000 lines; the wanted addresses are
 * few. A symbol belongs to the first wanted address that is not below it; there the highest symbol
 * is kept. The symbol of an address is then the highest of its own and of all addresses below.
 */
#include "kallsyms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "lines.h"
#include "symname.h"

/* No kernel function is longer: an address further away belongs to something that has no symbol. */
#define FUNCTION_MAX (1u << 20)
#define NAME_MAX_LEN 511u
#define NONE	     SIZE_MAX

struct ksym {
	uint64_t value;
	char type;
	const char *name;
	size_t len;
	const char *module;
	size_t module_len;
};

/* The best symbol of one wanted address so far; its texts are copies. */
struct slot {
	uint64_t addr;
	size_t wanted; /* index in the caller's order */
	bool found;
	struct ksym best;
	char *text;
	size_t room;
};

struct table {
	struct slot *slots;
	size_t n;
	uint64_t stext;
	uint64_t etext;
};

static bool is_text(const struct ksym *s)
{
	return strchr("tTwW", s->type) != NULL;
}

static bool name_is(const struct ksym *s, const char *name)
{
	return s->len == strlen(name) && memcmp(s->name, name, s->len) == 0;
}

/* "ffffffff81000000 T name [module]", with a tab before the module. */
static bool parse(const char *p, size_t len, struct ksym *s)
{
	const char *end = p + len, *tab;

	*s = (struct ksym){0};
	if (!lines_hex(&p, end, &s->value) || end - p < 4 || p[0] != ' ' || p[2] != ' ' || !p[1])
		return false;
	s->type = p[1];
	s->name = p + 3;
	tab = memchr(s->name, '\t', (size_t)(end - s->name));
	s->len = (size_t)((tab ? tab : end) - s->name);
	if (tab && end - tab > 3 && tab[1] == '[' && end[-1] == ']') {
		s->module = tab + 2;
		s->module_len = (size_t)(end - 1 - s->module);
	}
	return s->value != 0 && s->len > 0 && s->len <= NAME_MAX_LEN &&
	       s->module_len <= NAME_MAX_LEN;
}

static bool better(const struct ksym *a, const struct ksym *b)
{
	if (a->value != b->value)
		return a->value > b->value;
	if (is_text(a) != is_text(b))
		return is_text(a);
	return symname_compare(a->name, a->len, b->name, b->len) < 0;
}

/* The first slot whose address is not below @value, or the number of slots. */
static size_t slot_from(const struct table *t, uint64_t value)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->slots[mid].addr < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int slot_set(struct slot *s, const struct ksym *sym)
{
	size_t need = sym->len + sym->module_len;

	if (need > s->room) {
		char *text = realloc(s->text, need + 32);

		if (!text)
			return -ENOMEM;
		s->text = text;
		s->room = need + 32;
	}
	s->best = *sym;
	s->best.name = s->text;
	s->best.module = s->text + sym->len;
	memcpy(s->text, sym->name, sym->len);
	if (sym->module_len)
		memcpy(s->text + sym->len, sym->module, sym->module_len);
	s->found = true;
	return 0;
}

static int table_line(struct table *t, const char *line, size_t len)
{
	struct ksym sym;
	size_t i;

	if (!parse(line, len, &sym))
		return 0;
	if (!sym.module && name_is(&sym, "_stext"))
		t->stext = sym.value;
	if (!sym.module && name_is(&sym, "_etext"))
		t->etext = sym.value;
	i = slot_from(t, sym.value);
	if (i == t->n || (t->slots[i].found && !better(&sym, &t->slots[i].best)))
		return 0;
	return slot_set(&t->slots[i], &sym);
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->wanted < y->wanted ? -1 : x->wanted > y->wanted;
}

static int table_init(struct table *t, const uint64_t *addrs, size_t n)
{
	*t = (struct table){.n = n, .slots = calloc(n ? n : 1, sizeof(*t->slots))};
	if (!t->slots)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->slots[i] = (struct slot){.addr = addrs[i], .wanted = i};
	qsort(t->slots, n, sizeof(*t->slots), compare_slots);
	return 0;
}

static void table_deinit(struct table *t)
{
	for (size_t i = 0; t->slots && i < t->n; i++)
		free(t->slots[i].text);
	free(t->slots);
}

/* of[i]: the slot that holds the symbol of the caller's address i, or NONE. */
static void table_answer(const struct table *t, size_t *of)
{
	size_t highest = NONE;

	for (size_t i = 0; i < t->n; i++) {
		const struct slot *s = &t->slots[i];
		const struct ksym *best;

		if (s->found)
			highest = i;
		of[s->wanted] = NONE;
		if (highest == NONE)
			continue;
		best = &t->slots[highest].best;
		/* Data ends the function before it, and so does the end of the text. */
		if (!is_text(best) || name_is(best, "_etext") ||
		    s->addr - best->value > FUNCTION_MAX)
			continue;
		of[s->wanted] = highest;
	}
}

static void add_name(const struct ksym *s, struct names_builder *out)
{
	char name[NAME_MAX_LEN + 1], module[NAME_MAX_LEN + 3] = "";

	memcpy(name, s->name, s->len);
	name[s->len] = '\0';
	if (s->module_len)
		snprintf(module, sizeof(module), "[%.*s]", (int)s->module_len, s->module);
	names_add(out, name, module, 0, 0);
}

static void add_mark(const char *name, uint64_t value, struct names_builder *out)
{
	char hex[24];

	names_begin(out);
	snprintf(hex, sizeof(hex), "%" PRIx64, value);
	if (value)
		names_add(out, name, hex, 0, 0);
}

static int add_all(const struct table *t, struct names_builder *out)
{
	_cleanup_free_ size_t *of = calloc(t->n ? t->n : 1, sizeof(*of));
	bool all = true;

	if (!of)
		return -ENOMEM;
	table_answer(t, of);
	for (size_t i = 0; i < t->n; i++) {
		names_begin(out);
		if (of[i] != NONE)
			add_name(&t->slots[of[i]].best, out);
		all = all && of[i] != NONE;
	}
	if ((all && t->n) || t->stext)
		names_set_flags(out, NAMES_ALL_FUNCTIONS);
	add_mark("_stext", t->stext, out);
	add_mark("_etext", t->etext, out);
	return out->error;
}

int kallsyms_resolve(int fd, const uint64_t *addrs, size_t n, struct names_builder *out)
{
	_cleanup_(table_deinit) struct table t = {0};
	_cleanup_free_ struct lines *l = calloc(1, sizeof(*l));
	const char *line;
	size_t len;
	int err = l ? table_init(&t, addrs, n) : -ENOMEM;

	if (err)
		return err;
	l->fd = fd;
	l->left = UINT64_MAX;
	while (!err && lines_next(l, &line, &len))
		err = table_line(&t, line, len);
	if (!err)
		err = l->error;
	return err ? err : add_all(&t, out);
}
