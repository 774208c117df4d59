// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Targets for tests in a guest. Compiled twice, as alpha and as beta, with their code at different
 * places:
 *
 *   prog swap OTHER    work for 0.3 s, then be OTHER by execve(2), which becomes this one again
 *   prog burst N       make N children at once, which work a little and end; again and again
 *   prog threads N     N threads that work a little now and then
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef NAME
#define NAME alpha
#define PAD  16
#endif
#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

static double cpu_seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Code that only moves what follows. */
__attribute__((noinline, used)) void CAT(pad_, NAME)(void)
{
	__asm__ volatile(".skip %c0, 0x90" : : "i"(PAD));
}

__attribute__((noinline)) void CAT(spin_, NAME)(double seconds)
{
	double from = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);

	while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - from < seconds)
		for (volatile int i = 0; i < 5000; i++)
			;
}

static int swap(const char *self, const char *other)
{
	CAT(spin_, NAME)(0.3);
	execl(other, other, "swap", self, NULL);
	return 1;
}

static int burst(int n)
{
	for (;;) {
		for (int i = 0; i < n; i++) {
			if (!fork()) {
				CAT(spin_, NAME)(0.004);
				_exit(0);
			}
		}
		while (wait(NULL) > 0)
			;
		usleep(100000);
	}
}

static pthread_barrier_t all_there;

/* All together two thirds of a CPU. */
static void *now_and_then(void *arg)
{
	pthread_barrier_wait(&all_there);
	for (;;) {
		usleep(1000000 + (unsigned int)(long)arg % 1000 * 1000);
		CAT(spin_, NAME)(0.0005);
	}
	return NULL;
}

static int threads(int n)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_barrier_init(&all_there, NULL, (unsigned int)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (long i = 0; i < n; i++)
		if (pthread_create(&t, &attr, now_and_then, (void *)i))
			return 1;
	pthread_barrier_wait(&all_there);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "swap"))
		return swap(argv[0], argv[2]);
	if (argc == 3 && !strcmp(argv[1], "burst"))
		return burst(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "threads"))
		return threads(atoi(argv[2]));
	return 2;
}
