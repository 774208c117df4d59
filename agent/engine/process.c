// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../image/store.h"

/* Threads are looked for with each sample: chains stay short with tens of thousands of them. */
enum { BUCKETS = 256, THREAD_BUCKETS = 8192, THREADS_MAX = 1 << 17 };

/* The name of one thread. */
struct thread {
	struct thread *next;
	pid_t tid;
	char name[COMM_LEN];
};

struct processes {
	struct image_store *store;
	struct process *buckets[BUCKETS];
	struct thread *threads[THREAD_BUCKETS];
	size_t nthreads;
	uint32_t cookie;
};

int processes_create(struct image_store *store, struct processes **out)
{
	struct processes *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->store = store;
	*out = t;
	return 0;
}

struct process *process_get(struct process *p)
{
	p->refs++;
	return p;
}

void process_put(struct process *p)
{
	if (--p->refs)
		return;
	maps_put(p->maps);
	image_put(p->main);
	free(p);
}

static void threads_clear(struct processes *t)
{
	for (size_t i = 0; i < THREAD_BUCKETS; i++) {
		while (t->threads[i]) {
			struct thread *th = t->threads[i];

			t->threads[i] = th->next;
			free(th);
		}
	}
	t->nthreads = 0;
}

void processes_clear(struct processes *t)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (t->buckets[i]) {
			struct process *p = t->buckets[i];

			t->buckets[i] = p->next;
			process_put(p);
		}
	}
	threads_clear(t);
}

void processes_destroy(struct processes *t)
{
	if (!t)
		return;
	processes_clear(t);
	free(t);
}

struct process *processes_find(const struct processes *t, pid_t pid)
{
	struct process *p = t->buckets[(unsigned int)pid % BUCKETS];

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

/* Its mappings have changed. */
static void changed(struct processes *t, struct process *p)
{
	if (!++t->cookie)
		t->cookie = 1;
	p->cookie = t->cookie;
}

static struct process *process_add(struct processes *t, pid_t pid)
{
	struct process **bucket = &t->buckets[(unsigned int)pid % BUCKETS];
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	p->refs = 1;
	p->next = *bucket;
	*bucket = p;
	changed(t, p);
	return p;
}

static void process_remove(struct processes *t, pid_t pid)
{
	struct process **at = &t->buckets[(unsigned int)pid % BUCKETS];

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	if (*at) {
		struct process *p = *at;

		*at = p->next;
		process_put(p);
	}
}

/* The program itself is the file that /proc/PID/exe is, by its inode: it may have lost its name. */
static void find_main(struct process *p)
{
	char link[64];
	struct stat st;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)p->pid);
	if (stat(link, &st) < 0)
		return;
	for (uint32_t i = 0; i < p->maps->n && !p->main; i++)
		if (p->maps->images[i] && p->maps->images[i]->ino == st.st_ino)
			p->main = image_ref(p->maps->images[i]);
}

struct process *processes_load(struct processes *t, pid_t pid)
{
	struct process *p = processes_find(t, pid);

	if (p)
		return p;
	p = process_add(t, pid);
	if (p && !maps_read(t->store, pid, &p->maps))
		find_main(p);
	return p;
}

int process_reload(struct processes *t, struct process *p)
{
	return process_reload_through(t, p, p->pid);
}

int process_reload_through(struct processes *t, struct process *p, pid_t tid)
{
	struct maps *fresh;
	int err = maps_read(t->store, tid, &fresh);

	if (err)
		return err;
	maps_put(p->maps);
	p->maps = fresh;
	changed(t, p);
	if (!p->main)
		find_main(p);
	return 0;
}

void processes_each(struct processes *t, void (*fn)(void *ctx, struct process *p), void *ctx)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct process *p = t->buckets[i]; p; p = p->next)
			fn(ctx, p);
}

static struct thread **thread_slot(struct processes *t, pid_t tid)
{
	struct thread **at = &t->threads[(unsigned int)tid % THREAD_BUCKETS];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static void set_name(struct processes *t, pid_t tid, const char *name)
{
	struct thread **at = thread_slot(t, tid);

	if (!*at) {
		struct thread *th;

		/* Names can be read again from /proc: rather forget them than grow. */
		if (t->nthreads >= THREADS_MAX) {
			threads_clear(t);
			at = thread_slot(t, tid);
		}
		th = calloc(1, sizeof(*th));
		if (!th)
			return;
		th->tid = tid;
		*at = th;
		t->nthreads++;
	}
	snprintf((*at)->name, sizeof((*at)->name), "%s", name);
}

const char *processes_thread(struct processes *t, pid_t pid, pid_t tid)
{
	struct thread **at = thread_slot(t, tid);
	_cleanup_buf_ struct buf b = {.max = 256};
	char path[64];

	if (*at)
		return (*at)->name;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
	if (buf_read_at(&b, AT_FDCWD, path))
		return "";
	if (b.len && b.data[b.len - 1] == '\n')
		b.len--;
	buf_append(&b, "", 1);
	if (buf_error(&b))
		return "";
	set_name(t, tid, b.data);
	at = thread_slot(t, tid);
	return *at ? (*at)->name : "";
}

void processes_fork(struct processes *t, pid_t ppid, pid_t pid)
{
	struct process *parent = processes_find(t, ppid), *child;

	process_remove(t, pid);
	if (!parent)
		return;
	child = process_add(t, pid);
	if (!child)
		return;
	child->maps = parent->maps ? maps_get(parent->maps) : NULL;
	child->main = parent->main ? image_ref(parent->main) : NULL;
	child->want_main = parent->want_main;
	/* The module gives it what its parent had. */
	child->cookie = parent->cookie;
	child->replaced = parent->replaced;
	child->sent = parent->sent;
	child->follow = parent->follow;
	child->waits = parent->waits;
}

void processes_thread_new(struct processes *t, pid_t ptid, pid_t tid)
{
	struct thread **at = thread_slot(t, ptid);

	if (*at)
		set_name(t, tid, (*at)->name);
}

void processes_comm(struct processes *t, pid_t tid, const char *name)
{
	set_name(t, tid, name);
}

void processes_exec(struct processes *t, pid_t pid)
{
	struct process *p = processes_find(t, pid);

	if (!p)
		return;
	maps_put(p->maps);
	p->maps = maps_create();
	image_put(p->main);
	p->main = NULL;
	p->want_main = true;
	changed(t, p);
	p->replaced = p->cookie;
	p->sent = 0;
}

/* Whether something is mapped already where a new mapping comes. */
static bool takes_place(const struct maps *m, const struct map_entry *e)
{
	uint32_t i = 0;

	while (i < m->n && m->walk[i].end <= e->start)
		i++;
	return i < m->n && m->walk[i].start < e->end;
}

void processes_mmap(struct processes *t, pid_t pid, const struct map_entry *e)
{
	struct process *p = processes_find(t, pid);
	struct image *image;

	if (!p)
		return;
	if (!p->maps)
		p->maps = maps_create();
	if (!p->maps)
		return;
	image = image_get(t->store, pid, e);
	changed(t, p);
	if (takes_place(p->maps, e))
		p->replaced = p->cookie;
	maps_insert(&p->maps, e, image);
	/* execve() maps the program before its interpreter. */
	if (p->want_main && image) {
		p->main = image_ref(image);
		p->want_main = false;
	}
	image_put(image);
}

void processes_exit(struct processes *t, pid_t pid, pid_t tid)
{
	struct thread **at = thread_slot(t, tid);

	if (*at) {
		struct thread *th = *at;

		*at = th->next;
		free(th);
		t->nthreads--;
	}
	if (pid == tid)
		process_remove(t, pid);
}
