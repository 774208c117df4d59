// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program with an allocator of its own around the C library's, to be watched by `kpt probe`:
 *
 *   allocs odd            calls that end in all ways there are, each counted; begins and ends with
 * a line of input allocs storm THREADS  threads in the allocator, while others fork, exec and end
 * in it. Of its input each letter is something to do: t to tell of forks, execs and ends, c to
 * crash in the allocator, e to exec; with the end of it, it ends
 *
 * Its first line is "probes" with the functions to be probed as KIND:ADDRESS (enum kpprof_alloc).
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/kpprof.h"

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

/* Sizes for which malloc does something else; all that is asked for here is at least this. */
enum { LEAVE = 70001, END, CRASH, FAIL, NEST };

static sigjmp_buf way_out;
static atomic_ulong asked, freed, lost;

/* Called as it is, not copied into its caller. */
#define FUNCTION __attribute__((noipa))
/* A call and a return, where the compiler would jump. */
#define STAY __asm__ volatile("" : : : "memory")
/* The kernel puts no probe on an instruction with a lock prefix. */
#define BEGIN __asm__ volatile("nop" : : : "memory")

static void special(size_t n)
{
	if (n == LEAVE)
		siglongjmp(way_out, 1);
	if (n == END)
		pthread_exit(NULL);
	if (n == CRASH)
		raise(SIGSEGV);
	if (n == NEST)
		raise(SIGUSR2);
}

FUNCTION void *malloc(size_t n)
{
	void *p;

	BEGIN;
	atomic_fetch_add(&asked, 1);
	if (n >= LEAVE && n <= NEST)
		special(n);
	p = n == FAIL ? NULL : __libc_malloc(n);
	STAY;
	return p;
}

FUNCTION void *calloc(size_t n, size_t size)
{
	void *p;

	BEGIN;
	atomic_fetch_add(&asked, 1);
	p = __libc_calloc(n, size);
	STAY;
	return p;
}

FUNCTION void *realloc(void *old, size_t n)
{
	void *p;

	BEGIN;
	atomic_fetch_add(&asked, 1);
	p = n == FAIL ? NULL : __libc_realloc(old, n);
	STAY;
	return p;
}

FUNCTION void free(void *p)
{
	BEGIN;
	if (p)
		atomic_fetch_add(&freed, 1);
	__libc_free(p);
	STAY;
}

/* dprintf(3) would do, but it allocates its buffer, and so counts in what it tells. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || write(1, text, (size_t)n) != n)
		_exit(3);
}

static void say_probes(void)
{
	const struct {
		int kind;
		void *address;
	} probes[] = {
		{KPPROF_ALLOC_SIZE, (void *)malloc},
		{KPPROF_ALLOC_ARRAY, (void *)calloc},
		{KPPROF_ALLOC_RESIZE, (void *)realloc},
		{KPPROF_ALLOC_FREE, (void *)free},
	};

	say("probes");
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		say(" %d:%#lx", probes[i].kind, (unsigned long)probes[i].address);
	say("\n");
}

static void wait_for_line(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static void *end_in_malloc(void *arg)
{
	atomic_fetch_add(&lost, 1);
	return malloc(arg ? END : 100);
}

static void nested(int sig)
{
	(void)sig;
	free(malloc(300));
}

/* Blocks of the parent's are freed in the child, in its own copy; and it has some of its own. */
static void child_of_its_own(void **blocks, int n)
{
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < n; i++) {
			free(blocks[i]);
			blocks[i] = malloc(500);
		}
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void leave_malloc(void)
{
	if (sigsetjmp(way_out, 1) == 0)
		free(malloc(LEAVE));
	else
		atomic_fetch_add(&lost, 1);
}

enum { BLOCKS = 100 };

static void odd_calls(void **blocks)
{
	pthread_t thread;

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = i % 2 ? malloc(100 + (size_t)i) : calloc(10, 100);
	for (int i = 0; i < 20; i++)
		leave_malloc();
	for (int i = 0; i < 10; i++)
		if (!pthread_create(&thread, NULL, end_in_malloc, blocks))
			pthread_join(thread, NULL);
	for (int i = 0; i < 5; i++) {
		free(malloc(FAIL));
		atomic_fetch_add(&lost, 1);
		free(malloc(NEST));
	}
	child_of_its_own(blocks, BLOCKS);
	/* one fails, and the block stays */
	if (realloc(blocks[0], FAIL))
		abort();
	atomic_fetch_add(&lost, 1);
	for (int i = 0; i < BLOCKS; i += 4)
		blocks[i] = realloc(blocks[i], 4000 + (size_t)i);
	for (int i = 1; i < BLOCKS; i += 2)
		free(blocks[i]);
}

/* What pthread_create(3) and pthread_exit(3) allocate once is there before. */
static void warm_up(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, end_in_malloc, &lost))
		pthread_join(thread, NULL);
}

static int odd(void)
{
	static void *blocks[BLOCKS];

	signal(SIGUSR2, nested);
	warm_up();
	say_probes();
	wait_for_line();
	atomic_store(&asked, 0);
	atomic_store(&freed, 0);
	atomic_store(&lost, 0);
	odd_calls(blocks);
	say("allocs=%lu\nfrees=%lu\nunplaced=%lu\nlive=%d\nmissed=0\noverflow=0\ndropped="
	    "0\ndone\n",
	    asked, freed, lost, BLOCKS / 2);
	wait_for_line();
	return 0;
}

static atomic_bool over;
static atomic_ulong forks, execs, ends;
/*
 * Of thousands of threads a part naps: a fork takes all locks of the allocator, and each that is
 * held by a thread which waits for a processor is held for as long as all the others take.
 */
static useconds_t nap_us;
enum { AWAKE = 200, NAP_US = 5 };
/* Held until all threads are there. */
static pthread_mutex_t begin_lock = PTHREAD_MUTEX_INITIALIZER;

static void *churn(void *arg)
{
	unsigned int state = (unsigned int)(uintptr_t)arg * 2654435761u;
	void *kept[16] = {0};
	unsigned int turns = 0;

	/* This thread alone: the others, and who watches them, come first. */
	if (setpriority(PRIO_PROCESS, 0, 19))
		abort();
	pthread_mutex_lock(&begin_lock);
	pthread_mutex_unlock(&begin_lock);
	while (!over) {
		unsigned int i;

		if (nap_us && ++turns % 64 == 0)
			usleep(nap_us);
		state = state * 1664525 + 1013904223;
		i = state >> 28;
		if (state & 0x100) {
			free(kept[i]);
			kept[i] = malloc(state >> 20 & 1023);
		} else {
			void *p = realloc(kept[i], 1 + (state >> 20 & 2047));

			if (p)
				kept[i] = p;
		}
	}
	for (int i = 0; i < 16; i++)
		free(kept[i]);
	return NULL;
}

static void *fork_on(void *arg)
{
	(void)arg;
	while (!over) {
		bool exec = atomic_fetch_add(&forks, 1) % 2;
		pid_t pid = fork();

		if (!pid) {
			free(malloc(200));
			if (exec)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		atomic_fetch_add(&execs, exec);
	}
	return NULL;
}

static void *end_on(void *arg)
{
	pthread_t thread;

	(void)arg;
	while (!over) {
		if (pthread_create(&thread, NULL, end_in_malloc, &over))
			continue;
		pthread_join(thread, NULL);
		atomic_fetch_add(&ends, 1);
	}
	return NULL;
}

/* A line of input is what it does next; there may be nothing more to be read. */
static bool obey(void)
{
	char c = 0;

	if (read(0, &c, 1) != 1)
		return false;
	switch (c) {
	case 'c':
		malloc(CRASH);
		break;
	case 'e':
		execl("/proc/self/exe", "allocs", "rest", NULL);
		break;
	case 't':
		say("forks=%lu execs=%lu ends=%lu\n", forks, execs, ends);
		break;
	}
	return true;
}

static int storm(int threads)
{
	pthread_attr_t attr;
	pthread_t thread;
	int n = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&begin_lock);
	if (threads > AWAKE)
		nap_us = (useconds_t)threads * NAP_US;
	for (int i = 0; i < threads; i++)
		n += !pthread_create(&thread, &attr, churn, (void *)(uintptr_t)(i + 1));
	n += !pthread_create(&thread, &attr, fork_on, NULL);
	n += !pthread_create(&thread, &attr, end_on, NULL);
	pthread_mutex_unlock(&begin_lock);
	say_probes();
	say("threads=%d\n", n);
	while (obey())
		;
	over = true;
	return 0;
}

/* What has been another program before, until its input ends. */
static int rest(void)
{
	char c;

	say("resting\n");
	while (read(0, &c, 1) == 1)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "odd"))
		return odd();
	if (argc == 3 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "rest"))
		return rest();
	return 2;
}
