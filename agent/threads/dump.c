// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump goes through its phases in turns of a few milliseconds each, so that the loop is never
 * held up: the processes are found and their unwind rows asked for, threads are read where they
 * sleep, those that needed rows which were not there are read again, and those that run are met by
 * a sample.
 */
#include "dump.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "../engine/process.h"
#include "../image/store.h"
#include "reader.h"
#include "running.h"
#include "table.h"

/* Work of one turn, and how often it is looked whether rows have come. */
#define TURN_NS (4 * NSEC_PER_MSEC)
#define WAIT_NS NSEC_PER_MSEC
/* Rows that have not come by then are said to be missing. */
#define ROWS_NS (15 * NSEC_PER_SEC)

static const char not_met[] = "it ran, but not when it was waited for: it has no stack";
static const char not_run[] =
	"it waits for a CPU, and got none while it was waited for: its registers "
	"are known to the kernel only";
static const char moved[] = "it ran while it was read: its frames may be of more than one moment";
static const char not_sampled[] = "it runs, and the kernel does not let the agent sample it";

enum phase {
	PHASE_OPEN,	  /* ask for the rows of each process */
	PHASE_ROWS,	  /* until they are there */
	PHASE_READ,	  /* read all threads */
	PHASE_AGAIN_ROWS, /* until the rows that were missing are there */
	PHASE_AGAIN,	  /* read those threads again */
	PHASE_RUNNING,	  /* a sample is being taken */
	PHASE_REST,	  /* threads that were not met may sleep by now */
	PHASE_DONE,
};

/**
 * struct dump - see the top of this file
 * @pids: pid_t of all processes; @pid is the next one
 * @dir: threads of the process that is being read
 * @again: uint32_t: threads that needed rows; @next is the next one of these or of @unmet
 * @later: uint32_t: those of them that need rows of yet another image
 * @unmet: uint32_t: threads that run
 * @nunmet: how many of these were not met yet
 * @not_sampled: sampling is not possible
 * @deadline: for rows
 */
struct dump {
	struct engine *engine;
	struct target target;
	void (*done)(void *ctx, struct dump *d);
	void *ctx;
	struct loop_timer turn;
	enum phase phase;
	struct buf pids;
	size_t pid;
	DIR *dir;
	struct buf again;
	struct buf later;
	struct buf unmet;
	size_t nunmet;
	bool not_sampled;
	size_t next;
	uint64_t deadline;
	struct processes *processes;
	struct reader reader;
	struct running running;
	struct table table;
};

static size_t count32(const struct buf *b)
{
	return b->len / sizeof(uint32_t);
}

static uint32_t at32(const struct buf *b, size_t i)
{
	return ((const uint32_t *)(const void *)b->data)[i];
}

static void list32(struct buf *b, uint32_t i)
{
	buf_append(b, &i, sizeof(i));
}

static bool next_pid(struct dump *d, pid_t *pid)
{
	if (d->pid >= d->pids.len / sizeof(*pid))
		return false;
	*pid = ((const pid_t *)(const void *)d->pids.data)[d->pid++];
	return true;
}

/*
 * Everything that a few processes have mapped is asked for at once, so that their threads can be
 * read close to one moment; of the whole box, only what stacks need.
 */
static bool open_one(struct dump *d)
{
	pid_t pid;

	if (d->target.kind == TARGET_BOX || !next_pid(d, &pid))
		return false;
	if (!reader_open(&d->reader, pid))
		reader_want_rows(&d->reader);
	return true;
}

static void note_loading(void *ctx, struct image *image)
{
	*(bool *)ctx |= image->state == IMAGE_LOADING;
}

static bool rows_are_coming(const struct dump *d)
{
	bool loading = false;

	image_store_each(engine_store(d->engine), note_loading, &loading);
	return loading && loop_now() < d->deadline;
}

static void read_thread(struct dump *d, pid_t tid)
{
	struct dump_thread t = {.pid = d->reader.pid, .tid = tid};
	enum read_result result = reader_thread(&d->reader, &t);
	int64_t i = result == READ_GONE ? -ESRCH : table_add(&d->table, &t);

	if (i < 0) {
		/* What it holds of its stack. */
		table_place(&d->table, &t, &(struct stack){.process = NULL}, NULL);
		return;
	}
	if (result == READ_ROWS)
		list32(&d->again, (uint32_t)i);
	else if (result == READ_RUNNING)
		list32(&d->unmet, (uint32_t)i);
}

/* The next thread of the next process; false when there is none. */
static bool read_one(struct dump *d)
{
	const struct dirent *e;
	pid_t pid;

	if (!d->dir) {
		if (!next_pid(d, &pid))
			return false;
		if (reader_open(&d->reader, pid))
			return true;
		d->dir = fdopendir(dup(d->reader.task));
		if (d->dir)
			rewinddir(d->dir);
		return true;
	}
	e = readdir(d->dir);
	if (!e) {
		closedir(d->dir);
		d->dir = NULL;
	} else if (*e->d_name != '.') {
		read_thread(d, (pid_t)strtol(e->d_name, NULL, 10));
	}
	return true;
}

/* Reads a thread of the table once more. */
static enum read_result read_again(struct dump *d, uint32_t i)
{
	struct dump_thread t = *table_get(&d->table, i);
	enum read_result result;

	result = reader_open(&d->reader, t.pid) ? READ_GONE : reader_thread(&d->reader, &t);
	if (result == READ_GONE)
		t.note = "it ended while it was read";
	*table_get(&d->table, i) = t;
	return result;
}

static bool again_one(struct dump *d)
{
	enum read_result result;
	uint32_t i;

	if (d->next >= count32(&d->again))
		return false;
	i = at32(&d->again, d->next++);
	result = read_again(d, i);
	if (result == READ_ROWS)
		list32(&d->later, i);
	else if (result == READ_RUNNING)
		list32(&d->unmet, i);
	return true;
}

static bool met(void *ctx, const struct cpu_sample *s)
{
	struct dump *d = ctx;

	for (size_t i = 0; i < count32(&d->unmet); i++) {
		struct dump_thread *t = table_get(&d->table, at32(&d->unmet, i));

		if (t->tid != s->tid || t->met)
			continue;
		t->met = true;
		t->state = 'R';
		t->queued = false;
		t->known = false;
		t->note = NULL;
		table_place(&d->table, t, &s->stack, NULL);
		d->nunmet--;
		break;
	}
	return !d->nunmet;
}

/* Works until the turn is over; false when there is nothing left of this kind. */
static bool work(struct dump *d, bool (*one)(struct dump *d))
{
	uint64_t until = loop_now() + TURN_NS;

	while (one(d))
		if (loop_now() >= until)
			return true;
	return false;
}

/* One of those that run may be asleep for a moment; they are looked at in turn. */
static bool catch_one(struct dump *d)
{
	size_t n = count32(&d->unmet), i = d->next++ % n;
	struct dump_thread *t = table_get(&d->table, at32(&d->unmet, i));

	if (!t->met && !reader_open(&d->reader, t->pid) &&
	    reader_catch(&d->reader, t) == READ_DONE) {
		t->met = true;
		d->nunmet--;
	}
	return d->nunmet && d->next % n;
}

static bool catch_some(void *ctx)
{
	struct dump *d = ctx;

	work(d, catch_one);
	return !d->nunmet;
}

static void go_on(struct dump *d, enum phase phase)
{
	d->phase = phase;
	d->next = 0;
	loop_timer_set(engine_loop(d->engine), &d->turn, 0);
}

static void sampled(void *ctx)
{
	go_on(ctx, PHASE_REST);
}

static void begin_sample(struct dump *d)
{
	d->nunmet = count32(&d->unmet);
	d->phase = PHASE_RUNNING;
	d->next = 0;
	d->running.on_sample = met;
	d->running.on_tick = catch_some;
	d->running.on_end = sampled;
	d->running.ctx = d;
	if (!d->nunmet) {
		go_on(d, PHASE_DONE);
	} else if (running_start(&d->running, d->engine, &d->target, d->nunmet)) {
		d->not_sampled = true;
		go_on(d, PHASE_REST);
	}
}

/* What neither slept nor was met has one more chance to be found asleep. */
static bool rest_one(struct dump *d)
{
	struct dump_thread *t;
	uint32_t i;

	if (d->next >= count32(&d->unmet))
		return false;
	i = at32(&d->unmet, d->next++);
	if (table_get(&d->table, i)->met || read_again(d, i) != READ_RUNNING)
		return true;
	t = table_get(&d->table, i);
	/* What is on a CPU all the while would have been met. */
	t->queued = t->queued && !d->not_sampled;
	if (t->user_number)
		t->note = moved;
	else if (d->not_sampled)
		t->note = not_sampled;
	else
		t->note = t->queued ? not_run : not_met;
	return true;
}

static void finish(struct dump *d)
{
	void (*done)(void *ctx, struct dump *d) = d->done;

	reader_deinit(&d->reader);
	table_finish(&d->table);
	d->done = NULL;
	done(d->ctx, d);
}

/* One turn of the phase; false when it is over. */
static bool phase_goes_on(struct dump *d)
{
	switch (d->phase) {
	case PHASE_OPEN:
		return work(d, open_one);
	case PHASE_ROWS:
		return rows_are_coming(d);
	case PHASE_READ:
		return work(d, read_one);
	case PHASE_AGAIN_ROWS:
		return d->again.len && rows_are_coming(d);
	case PHASE_AGAIN:
		return work(d, again_one);
	case PHASE_REST:
		return work(d, rest_one);
	case PHASE_RUNNING:
	case PHASE_DONE:
		break;
	}
	return false;
}

/* The threads that led to one image more. */
static void again_later(struct dump *d)
{
	struct buf done = d->again;

	d->again = d->later;
	d->later = done;
	d->later.len = 0;
	go_on(d, PHASE_AGAIN_ROWS);
}

static void take_turn(struct loop_timer *timer)
{
	struct dump *d = (struct dump *)((char *)timer - offsetof(struct dump, turn));
	bool waits = d->phase == PHASE_ROWS || d->phase == PHASE_AGAIN_ROWS;

	if (phase_goes_on(d)) {
		loop_timer_set(engine_loop(d->engine), &d->turn, waits ? WAIT_NS : 0);
		return;
	}
	d->pid = 0;
	if (d->phase == PHASE_DONE || d->phase == PHASE_REST)
		finish(d);
	else if (d->phase == PHASE_AGAIN && d->later.len && loop_now() < d->deadline)
		again_later(d);
	else if (d->phase == PHASE_AGAIN)
		begin_sample(d);
	else
		go_on(d, d->phase + 1);
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int dump_start(struct engine *e, const struct target *target, unsigned int what,
	       void (*done)(void *ctx, struct dump *d), void *ctx, struct dump **out)
{
	struct dump *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	engine_use(e);
	d->engine = e;
	d->target = *target;
	d->done = done;
	d->ctx = ctx;
	d->turn.cb = take_turn;
	d->deadline = loop_now() + ROWS_NS;
	d->reader.task = -1;
	err = find_processes(target, &d->pids);
	if (!err)
		err = processes_create(engine_store(e), &d->processes);
	d->reader.store = engine_store(e);
	d->reader.processes = d->processes;
	d->reader.what = what;
	d->reader.table = &d->table;
	if (!err)
		err = reader_init(&d->reader);
	if (err) {
		dump_free(d);
		return err;
	}
	qsort(d->pids.data, d->pids.len / sizeof(pid_t), sizeof(pid_t), by_pid);
	go_on(d, PHASE_OPEN);
	*out = d;
	return 0;
}

void dump_free(struct dump *d)
{
	if (!d)
		return;
	loop_timer_clear(engine_loop(d->engine), &d->turn);
	if (d->dir)
		closedir(d->dir);
	reader_deinit(&d->reader);
	table_deinit(&d->table);
	processes_destroy(d->processes);
	buf_deinit(&d->pids);
	buf_deinit(&d->again);
	buf_deinit(&d->later);
	buf_deinit(&d->unmet);
	engine_unuse(d->engine);
	free(d);
}

void dump_cancel(struct dump *d)
{
	if (!d)
		return;
	running_cancel(&d->running);
	dump_free(d);
}

const struct dump_thread *dump_threads(const struct dump *d, size_t *n)
{
	*n = table_size(&d->table);
	return *n ? table_get(&d->table, 0) : NULL;
}

size_t dump_left_out(const struct dump *d)
{
	return d->table.left_out;
}
