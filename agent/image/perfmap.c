// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A line names a range of the sorted addresses. A node of a segment tree over them holds the last
 * line that covered all of it, so that a line costs log n whatever it covers; the name of an
 * address is the latest on the way from its leaf to the root.
 */
#include "perfmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "lines.h"

#define NAME_MAX_LEN 4096u

struct node {
	uint64_t seq; /* number of the line, from 1 */
	size_t at;    /* its name in the texts */
};

struct wanted {
	uint64_t addr;
	size_t index; /* in the caller's order */
};

/**
 * struct map - the names so far
 * @nodes: 2 * @n, the leaves from @n on
 * @texts: names with a NUL behind each
 * @tidy_at: throw dead names away when the texts have grown to this
 */
struct map {
	struct wanted *wanted;
	size_t n;
	struct node *nodes;
	uint64_t seq;
	struct buf texts;
	size_t tidy_at;
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int map_init(struct map *m, const uint64_t *addrs, size_t n)
{
	*m = (struct map){
		.n = n,
		.wanted = calloc(n ? n : 1, sizeof(*m->wanted)),
		.nodes = calloc(n ? 2 * n : 1, sizeof(*m->nodes)),
		.tidy_at = 1 << 20,
	};
	if (!m->wanted || !m->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		m->wanted[i] = (struct wanted){addrs[i], i};
	qsort(m->wanted, n, sizeof(*m->wanted), compare_wanted);
	return 0;
}

static void map_deinit(struct map *m)
{
	free(m->wanted);
	free(m->nodes);
	buf_deinit(&m->texts);
}

/* Wanted addresses below @addr. */
static size_t below(const struct map *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->wanted[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Keep the names that nodes still hold, each once, in the order of their lines. */
static int tidy(struct map *m)
{
	_cleanup_free_ struct node **live = calloc(2 * m->n, sizeof(struct node *));
	_cleanup_buf_ struct buf old = m->texts;
	uint64_t seq = 0;
	size_t n = 0, at = 0;

	m->texts = (struct buf){0};
	if (!live)
		return -ENOMEM;
	for (size_t i = 0; i < 2 * m->n; i++)
		if (m->nodes[i].seq)
			live[n++] = &m->nodes[i];
	qsort(live, n, sizeof(struct node *), compare_nodes);
	for (size_t i = 0; i < n; i++) {
		if (live[i]->seq != seq) {
			seq = live[i]->seq;
			at = m->texts.len;
			buf_append(&m->texts, old.data + live[i]->at,
				   strlen(old.data + live[i]->at) + 1);
		}
		live[i]->at = at;
	}
	m->tidy_at = 2 * m->texts.len + (1 << 20);
	return buf_error(&m->texts);
}

static int map_set(struct map *m, size_t from, size_t to, const char *name, size_t len)
{
	const struct node node = {.seq = ++m->seq, .at = m->texts.len};

	buf_append(&m->texts, name, len);
	buf_append(&m->texts, "", 1);
	for (from += m->n, to += m->n; from < to; from /= 2, to /= 2) {
		if (from & 1)
			m->nodes[from++] = node;
		if (to & 1)
			m->nodes[--to] = node;
	}
	if (buf_error(&m->texts))
		return -ENOMEM;
	return m->texts.len > m->tidy_at ? tidy(m) : 0;
}

static void skip_0x(const char **p, const char *end)
{
	while (*p < end && **p == ' ')
		(*p)++;
	if (end - *p > 2 && (*p)[0] == '0' && ((*p)[1] == 'x' || (*p)[1] == 'X'))
		*p += 2;
}

static int map_line(struct map *m, const char *p, size_t len)
{
	const char *end = p + len;
	uint64_t start, size;
	size_t from, to;

	skip_0x(&p, end);
	if (!lines_hex(&p, end, &start) || p == end || *p != ' ')
		return 0;
	skip_0x(&p, end);
	if (!lines_hex(&p, end, &size) || end - p < 2 || *p++ != ' ')
		return 0;
	if (end[-1] == '\r')
		end--;
	if (p == end || !size || size > UINT64_MAX - start)
		return 0;
	from = below(m, start);
	to = below(m, start + size);
	len = (size_t)(end - p) < NAME_MAX_LEN ? (size_t)(end - p) : NAME_MAX_LEN;
	/* A name ends at a NUL, as everywhere. */
	return from < to ? map_set(m, from, to, p, strnlen(p, len)) : 0;
}

static const char *map_name(const struct map *m, size_t leaf)
{
	struct node best = {0};

	for (size_t i = leaf + m->n; i; i /= 2)
		if (m->nodes[i].seq > best.seq)
			best = m->nodes[i];
	return best.seq ? m->texts.data + best.at : NULL;
}

static int add_all(const struct map *m, struct names_builder *out)
{
	_cleanup_free_ const char **names = calloc(m->n ? m->n : 1, sizeof(char *));
	bool all = true;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++)
		names[m->wanted[i].index] = map_name(m, i);
	for (size_t i = 0; i < m->n; i++) {
		names_begin(out);
		if (names[i])
			names_add(out, names[i], "", 0, 0);
		all = all && names[i];
	}
	if (all && m->n)
		names_set_flags(out, NAMES_ALL_FUNCTIONS);
	return out->error;
}

int perfmap_resolve(int fd, const uint64_t *addrs, size_t n, struct names_builder *out)
{
	_cleanup_(map_deinit) struct map m = {0};
	_cleanup_free_ struct lines *l = calloc(1, sizeof(*l));
	const char *line;
	size_t len;
	int err = l ? map_init(&m, addrs, n) : -ENOMEM;

	if (err)
		return err;
	l->fd = fd;
	l->left = PERFMAP_MAX_BYTES;
	while (!err && lines_next(l, &line, &len))
		err = map_line(&m, line, len);
	if (!err)
		err = l->error;
	return err ? err : add_all(&m, out);
}
