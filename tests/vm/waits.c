// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs that know how they wait, for tests in a guest. Each says "ready", works when a line
 * comes on its standard input, prints what it knows, and ends when the input does.
 *
 *   waits sites N        N waits of 5 ms each, in a thread named for what it waits for: "NAME NS
 * COUNT" waits short N        N waits of about 50 us in a thread named short: the same line waits
 * whole          threads that wait and work for a second: "whole WALL_NS CPU_NS" over all of them
 *   waits hold KIND N    a lock is held for 300 ms while N threads queue up: KIND mutex, pi, write,
 * read waits create N       three functions create N threads each, which end at once waits switch N
 * N round trips between two threads over pipes, on one CPU: "switch NS" waits storm N        for
 * ever: bursts of N threads and processes that wait a little and are gone
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

/* Time that the thread does not spend on a CPU. On a busy machine a guest's CPU stands still now
 * and then: the guest takes that for work. */
static int64_t off_cpu(void)
{
	int64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);

	return now(CLOCK_MONOTONIC) - cpu;
}

static void nap(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

static void go(void)
{
	char line[16];

	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(0);
}

static void end(void)
{
	char line[16];

	puts("done");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	exit(0);
}

/* ---- sites */

static int n;
static int pipes[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int turn;

static void wait_sleep(void)
{
	nap(5 * MS);
}

static void wait_poll(void)
{
	poll(NULL, 0, 5);
}

static void wait_pipe(void)
{
	char c;

	if (read(pipes[0], &c, 1) != 1)
		exit(1);
}

static void wait_lock(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

/* Writes to the pipe, and holds the lock, again and again. */
static void *other(void *arg)
{
	(void)arg;
	pthread_setname_np(pthread_self(), "other");
	for (int i = 0; i < n; i++) {
		nap(5 * MS);
		if (write(pipes[1], "x", 1) != 1)
			exit(1);
	}
	return NULL;
}

static void *holder(void *arg)
{
	(void)arg;
	pthread_setname_np(pthread_self(), "other");
	for (int i = 0; i < n; i++) {
		pthread_mutex_lock(&lock);
		atomic_store(&turn, i + 1);
		nap(5 * MS);
		pthread_mutex_unlock(&lock);
		nap(1 * MS);
	}
	return NULL;
}

struct site {
	const char *name;
	void (*wait)(void);
	int64_t ns;
	int count;
};

static void *visit(void *arg)
{
	struct site *s = arg;

	pthread_setname_np(pthread_self(), s->name);
	for (int i = 0; i < n; i++) {
		int64_t from;

		/* until the lock is held */
		while (s->wait == wait_lock && atomic_load(&turn) < i + 1)
			sched_yield();
		from = off_cpu();
		s->wait();
		s->ns += off_cpu() - from;
		s->count++;
	}
	return NULL;
}

static void run_sites(struct site *sites, size_t count)
{
	pthread_t t[16], helpers[2];
	size_t i;

	go();
	if (pipe(pipes))
		exit(1);
	for (i = 0; i < count; i++)
		pthread_create(&t[i], NULL, visit, &sites[i]);
	if (count > 1) {
		pthread_create(&helpers[0], NULL, other, NULL);
		pthread_create(&helpers[1], NULL, holder, NULL);
	}
	for (i = 0; i < count; i++)
		pthread_join(t[i], NULL);
	for (i = 0; i < count; i++)
		printf("%s %lld %d\n", sites[i].name, (long long)sites[i].ns, sites[i].count);
	end();
}

static void wait_short(void)
{
	nap(50000);
}

static void sites(int short_ones)
{
	struct site few[] = {{"short", wait_short}};
	struct site all[] = {{"sleep", wait_sleep},
			     {"poll", wait_poll},
			     {"pipe", wait_pipe},
			     {"lock", wait_lock}};

	prctl(PR_SET_TIMERSLACK, 1ul);
	if (short_ones)
		run_sites(few, 1);
	else
		run_sites(all, sizeof(all) / sizeof(all[0]));
}

/* ---- whole */

static atomic_llong wall, cpu;
static atomic_int stop;

static void *mixed(void *arg)
{
	int64_t from = now(CLOCK_MONOTONIC), from_cpu = now(CLOCK_THREAD_CPUTIME_ID);

	(void)arg;
	pthread_setname_np(pthread_self(), "mixed");
	while (!atomic_load(&stop)) {
		for (volatile int i = 0; i < 200000; i++)
			;
		nap(2 * MS);
		poll(NULL, 0, 1);
	}
	atomic_fetch_add(&wall, now(CLOCK_MONOTONIC) - from);
	atomic_fetch_add(&cpu, now(CLOCK_THREAD_CPUTIME_ID) - from_cpu);
	return NULL;
}

static void whole(void)
{
	pthread_t t[4];

	go();
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, mixed, NULL);
	nap(2000 * MS);
	atomic_store(&stop, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("whole %lld %lld\n", (long long)wall, (long long)cpu);
	end();
}

/* ---- hold */

static pthread_mutex_t pi;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static const char *kind;

static void take(int reader)
{
	if (!strcmp(kind, "mutex"))
		pthread_mutex_lock(&lock);
	else if (!strcmp(kind, "pi"))
		pthread_mutex_lock(&pi);
	else if (reader)
		pthread_rwlock_rdlock(&rw);
	else
		pthread_rwlock_wrlock(&rw);
}

__attribute__((noinline)) static void let_go(void)
{
	if (!strcmp(kind, "mutex"))
		pthread_mutex_unlock(&lock);
	else if (!strcmp(kind, "pi"))
		pthread_mutex_unlock(&pi);
	else
		pthread_rwlock_unlock(&rw);
}

static atomic_llong queued;

/* kind "write": a writer holds up writers; "read": a writer holds up readers; "both": a reader
 * writers. */
static void *queue_up(void *arg)
{
	int64_t from;

	(void)arg;
	pthread_setname_np(pthread_self(), "waiter");
	from = off_cpu();
	take(!strcmp(kind, "read"));
	atomic_fetch_add(&queued, off_cpu() - from);
	let_go();
	return NULL;
}

static void *hold(void *arg)
{
	pthread_t t[64];

	(void)arg;
	pthread_setname_np(pthread_self(), "holder");
	take(!strcmp(kind, "both"));
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, queue_up, NULL);
	nap(300 * MS);
	let_go();
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	return NULL;
}

static void holding(void)
{
	pthread_mutexattr_t attr;
	pthread_t t;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&pi, &attr);
	go();
	pthread_create(&t, NULL, hold, NULL);
	pthread_join(t, NULL);
	printf("%s %lld\n", kind, (long long)queued);
	end();
}

/* ---- create */

static void *nothing(void *arg)
{
	return arg;
}

#define CREATE(name)                                             \
	__attribute__((noinline)) static void name(void)         \
	{                                                        \
		for (int i = 0; i < n; i++) {                    \
			pthread_t t;                             \
                                                                 \
			pthread_create(&t, NULL, nothing, NULL); \
			pthread_join(t, NULL);                   \
		}                                                \
		__asm__ volatile("");                            \
	}

CREATE(create_a)
CREATE(create_b)
CREATE(create_c)

static void create(void)
{
	go();
	create_a();
	create_b();
	create_c();
	end();
}

/* ---- switch */

static int there[2], back[2];

static void *echo(void *arg)
{
	char c;

	(void)arg;
	while (read(there[0], &c, 1) == 1)
		if (write(back[1], &c, 1) != 1)
			exit(1);
	return NULL;
}

static void switches(void)
{
	cpu_set_t one;
	pthread_t t;
	int64_t from;
	char c = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (pipe(there) || pipe(back))
		exit(1);
	pthread_create(&t, NULL, echo, NULL);
	go();
	from = now(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			exit(1);
	printf("switch %lld\n", (long long)(now(CLOCK_MONOTONIC) - from));
	end();
}

/* ---- storm */

static void *brief(void *arg)
{
	nap((int64_t)(intptr_t)arg * 10000);
	return NULL;
}

static void storm(const char *self)
{
	for (;;) {
		pthread_t t[64];

		for (int i = 0; i < n && i < 64; i++)
			pthread_create(&t[i], NULL, brief, (void *)(intptr_t)i);
		for (int i = 0; i < n; i++) {
			pid_t pid = fork();

			if (!pid && i % 2)
				execl(self, self, "gone", "0", NULL);
			if (!pid)
				_exit(0);
		}
		for (int i = 0; i < n && i < 64; i++)
			pthread_join(t[i], NULL);
		while (wait(NULL) > 0)
			;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	n = argc > 2 ? atoi(argv[argc - 1]) : 0;
	if (!strcmp(what, "sites"))
		sites(0);
	if (!strcmp(what, "short"))
		sites(1);
	if (!strcmp(what, "whole"))
		whole();
	if (!strcmp(what, "hold") && argc == 4) {
		kind = argv[2];
		holding();
	}
	if (!strcmp(what, "create"))
		create();
	if (!strcmp(what, "switch"))
		switches();
	if (!strcmp(what, "storm"))
		storm(argv[0]);
	return strcmp(what, "gone") ? 2 : 0;
}
