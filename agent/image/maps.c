// SPDX-License-Identifier: GPL-2.0-or-later
#include "maps.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../base/cleanup.h"
#include "store.h"

static bool parse_hex(char **at, char end, uint64_t *out)
{
	char *stop;

	if (**at == ' ' || **at == '-' || **at == '+')
		return false;
	errno = 0;
	*out = strtoull(*at, &stop, 16);
	if (errno || stop == *at || *stop != end)
		return false;
	*at = stop + 1;
	return true;
}

/* "start-end perms offset major:minor inode   path", proc(5) */
int maps_line_parse(char *line, struct map_entry *out)
{
	uint64_t dev_major, dev_minor;
	char *at = line, *stop;
	const char *perms;

	if (!parse_hex(&at, '-', &out->start) || !parse_hex(&at, ' ', &out->end))
		return -EINVAL;
	perms = at;
	if (strnlen(perms, 5) < 5 || perms[4] != ' ')
		return -EINVAL;
	at += 5;
	if (!parse_hex(&at, ' ', &out->offset) || !parse_hex(&at, ':', &dev_major) ||
	    !parse_hex(&at, ' ', &dev_minor))
		return -EINVAL;
	errno = 0;
	out->ino = strtoull(at, &stop, 10);
	if (errno || stop == at || (*stop && *stop != ' ') || out->start >= out->end)
		return -EINVAL;
	out->dev = makedev((unsigned int)dev_major, (unsigned int)dev_minor);
	while (*stop == ' ')
		stop++;
	out->path = stop;
	return perms[2] == 'x';
}

struct maps *maps_create(void)
{
	struct maps *m = calloc(1, sizeof(*m));

	if (m)
		m->refs = 1;
	return m;
}

struct maps *maps_get(struct maps *m)
{
	m->refs++;
	return m;
}

void maps_put(struct maps *m)
{
	if (!m || --m->refs)
		return;
	for (uint32_t i = 0; i < m->n; i++)
		image_put(m->images[i]);
	free(m->walk);
	free(m->images);
	free(m->memo);
	free(m);
}

static int reserve(struct maps *m, uint32_t want)
{
	uint32_t cap = m->cap ? m->cap : 16;
	struct kpprof_map *walk;
	struct image **images;

	if (want <= m->cap)
		return 0;
	while (cap < want)
		cap *= 2;
	walk = reallocarray(m->walk, cap, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	m->walk = walk;
	images = reallocarray(m->images, cap, sizeof(struct image *));
	if (!images)
		return -ENOMEM;
	m->images = images;
	m->cap = cap;
	return 0;
}

static struct maps *maps_copy(const struct maps *m)
{
	struct maps *copy = maps_create();

	if (!copy)
		return NULL;
	if (reserve(copy, m->n + 2)) {
		maps_put(copy);
		return NULL;
	}
	for (uint32_t i = 0; i < m->n; i++) {
		copy->walk[i] = m->walk[i];
		copy->images[i] = m->images[i] ? image_ref(m->images[i]) : NULL;
	}
	copy->n = m->n;
	copy->epoch = m->epoch;
	copy->dropped = m->dropped;
	return copy;
}

/* First mapping that ends after @addr. */
static uint32_t first_after(const struct maps *m, uint64_t addr)
{
	uint32_t lo = 0, hi = m->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->walk[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int64_t maps_find(const struct maps *m, uint64_t addr)
{
	uint32_t i = first_after(m, addr);

	return i < m->n && m->walk[i].start <= addr ? (int64_t)i : -ENOENT;
}

/* There must be room. The image's reference is the list's from here on. */
static void put_at(struct maps *m, uint32_t i, const struct kpprof_map *w, struct image *image)
{
	memmove(&m->walk[i + 1], &m->walk[i], (m->n - i) * sizeof(*m->walk));
	memmove(&m->images[i + 1], &m->images[i], (m->n - i) * sizeof(struct image *));
	m->walk[i] = *w;
	m->images[i] = image;
	m->n++;
}

static void remove_at(struct maps *m, uint32_t i, uint32_t n)
{
	for (uint32_t k = i; k < i + n; k++)
		image_put(m->images[k]);
	memmove(&m->walk[i], &m->walk[i + n], (m->n - i - n) * sizeof(*m->walk));
	memmove(&m->images[i], &m->images[i + n], (m->n - i - n) * sizeof(struct image *));
	m->n -= n;
}

static void cut_front(struct kpprof_map *w, uint64_t to)
{
	w->offset += to - w->start;
	w->start = to;
}

/* Take [start, end) out of the list; needs room for one more. Returns where it was. */
static uint32_t cut_out(struct maps *m, uint64_t start, uint64_t end)
{
	uint32_t i = first_after(m, start), last;

	if (i < m->n && m->walk[i].start < start) {
		if (m->walk[i].end > end) {
			struct kpprof_map tail = m->walk[i];

			cut_front(&tail, end);
			put_at(m, i + 1, &tail, m->images[i] ? image_ref(m->images[i]) : NULL);
		}
		m->walk[i].end = start;
		i++;
	}
	for (last = i; last < m->n && m->walk[last].end <= end; last++)
		;
	if (last < m->n && m->walk[last].start < end)
		cut_front(&m->walk[last], end);
	remove_at(m, i, last - i);
	return i;
}

static bool continues(const struct maps *m, uint32_t i, uint32_t k)
{
	const struct kpprof_map *a = &m->walk[i], *b = &m->walk[k];

	return m->images[i] == m->images[k] && a->end == b->start &&
	       (!m->images[i] || a->offset + (a->end - a->start) == b->offset);
}

static void join(struct maps *m, uint32_t i)
{
	if (i + 1 < m->n && continues(m, i, i + 1)) {
		m->walk[i].end = m->walk[i + 1].end;
		remove_at(m, i + 1, 1);
	}
	if (i > 0 && continues(m, i - 1, i)) {
		m->walk[i - 1].end = m->walk[i].end;
		remove_at(m, i, 1);
	}
}

int maps_insert(struct maps **mp, const struct map_entry *e, struct image *image)
{
	struct kpprof_map w = {.start = e->start, .end = e->end, .offset = e->offset};
	struct maps *m = *mp;
	uint32_t i;

	if (e->start >= e->end)
		return -EINVAL;
	if (m->n + 2 > MAPS_MAX) {
		m->dropped++;
		return -ENOSPC;
	}
	if (m->refs > 1) {
		m = maps_copy(m);
		if (!m)
			return -ENOMEM;
		maps_put(*mp);
		*mp = m;
	}
	if (reserve(m, m->n + 2))
		return -ENOMEM;
	i = cut_out(m, e->start, e->end);
	put_at(m, i, &w, image ? image_ref(image) : NULL);
	join(m, i);
	m->epoch = 0;
	return 0;
}

int maps_read(struct image_store *store, pid_t pid, struct maps **out)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char path[64];
	size_t cap = 0;
	struct maps *m;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	m = maps_create();
	if (!m)
		return -ENOMEM;
	while ((len = getline(&line, &cap, f)) > 0) {
		struct map_entry e;
		struct image *image;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (maps_line_parse(line, &e) != 1)
			continue;
		image = image_get(store, pid, &e);
		maps_insert(&m, &e, image);
		image_put(image);
	}
	/* A process that exits while it is read ends the file early with ESRCH. */
	if (ferror(f) && !m->n) {
		maps_put(m);
		return -ESRCH;
	}
	*out = m;
	return 0;
}

__u64 *maps_memo(struct maps *m)
{
	if (!m->memo)
		m->memo = calloc(KPPROF_MEMO_SIZE, sizeof(*m->memo));
	return m->memo;
}

void maps_refresh(struct image_store *store, struct maps *m)
{
	uint64_t epoch = image_store_epoch(store);

	if (m->epoch == epoch)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct image *image = m->images[i];
		bool ready = image && image->state == IMAGE_READY;
		bool pending =
			image && (image->state == IMAGE_NEW || image->state == IMAGE_LOADING);

		m->walk[i].rows = ready ? &image->rows : NULL;
		m->walk[i].flags = pending ? KPPROF_MAP_PENDING : 0;
	}
	if (m->memo)
		memset(m->memo, 0, KPPROF_MEMO_SIZE * sizeof(*m->memo));
	m->epoch = epoch;
}
