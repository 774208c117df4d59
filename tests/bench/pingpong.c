// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pingpong MILLISECONDS: two threads hand a byte to and fro over pipes, both on one CPU, so that
 * each hand-over is a context switch. Waits for a line on its input, plays for so long, and prints
 * "rounds=N": a round is two switches.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int to[2], fro[2];
static atomic_bool over;

static void *pong(void *arg)
{
	char byte;

	(void)arg;
	while (read(to[0], &byte, 1) == 1 && write(fro[1], &byte, 1) == 1)
		;
	return NULL;
}

static void *clock_watch(void *arg)
{
	const struct timespec *ts = arg;

	nanosleep(ts, NULL);
	over = true;
	return NULL;
}

static void pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	int ms = argc > 1 ? atoi(argv[1]) : 1000;
	const struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
	pthread_t other, watch;
	unsigned long rounds = 0;
	char byte = 0;

	if (pipe(to) || pipe(fro))
		err(1, "pipe");
	pin();
	pthread_create(&other, NULL, pong, NULL);
	getchar();
	pthread_create(&watch, NULL, clock_watch, (void *)&ts);
	while (!over && write(to[1], &byte, 1) == 1 && read(fro[0], &byte, 1) == 1)
		rounds++;
	printf("rounds=%lu\n", rounds);
	return 0;
}
