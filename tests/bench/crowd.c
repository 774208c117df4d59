// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * crowd THREADS IMAGES MILLISECONDS [CHUNK [DIR]]: a given amount of work, done by so many threads
 * in turn, CHUNK milliseconds each (1), in the code of so many shared objects in turn, which are
 * DIR/image0.so and so on (crowd_image.c). Waits for a line on its input and prints "cpu_ns=N",
 * what the work took of the CPU. A millisecond is that of work.h: so many thousand rounds of
 * a loop.
 */
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

enum { STACK_BYTES = 64 << 10 };

typedef unsigned long image_run(unsigned long rounds);

struct member {
	pthread_t thread;
	sem_t turn;
	unsigned long number;
};

static struct member *members;
static image_run **images;
static unsigned long nthreads, nimages, chunk, chunks;
static volatile unsigned long sink;
static sem_t over;

/* The member whose turn it is works, and hands on; so there is one at a time. */
static void *take_turns(void *arg)
{
	struct member *m = arg;

	for (;;) {
		while (sem_wait(&m->turn))
			;
		if (!chunks) {
			sem_post(&over);
			return NULL;
		}
		chunks--;
		sink += images[chunks % nimages](chunk * WORK_ROUNDS_PER_MS);
		sem_post(&members[(m->number + 1) % nthreads].turn);
	}
}

static void start_members(void)
{
	pthread_attr_t attr;

	members = calloc(nthreads, sizeof(*members));
	if (!members || pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, STACK_BYTES))
		errx(1, "no memory for threads");
	for (unsigned long i = 0; i < nthreads; i++) {
		members[i].number = i;
		sem_init(&members[i].turn, 0, 0);
		errno = pthread_create(&members[i].thread, &attr, take_turns, &members[i]);
		if (errno)
			err(1, "thread %lu", i);
	}
	pthread_attr_destroy(&attr);
}

static void load_images(const char *dir)
{
	images = calloc(nimages, sizeof(image_run *));
	for (unsigned long i = 0; images && i < nimages; i++) {
		char path[4096];
		void *image;

		snprintf(path, sizeof(path), "%s/image%lu.so", dir, i);
		image = dlopen(path, RTLD_NOW);
		if (!image)
			errx(1, "%s", dlerror());
		*(void **)&images[i] = dlsym(image, "run");
		if (!images[i])
			errx(1, "%s has no run", path);
		sink += images[i](1);
	}
}

int main(int argc, char **argv)
{
	long from;

	if (argc < 4)
		errx(2, "usage: crowd THREADS IMAGES MILLISECONDS [CHUNK [DIR]]");
	nthreads = strtoul(argv[1], NULL, 10);
	nimages = strtoul(argv[2], NULL, 10);
	chunk = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	if (!nthreads || !nimages || !chunk)
		errx(2, "threads, images and chunk are at least 1");
	chunks = strtoul(argv[3], NULL, 10) / chunk;
	sem_init(&over, 0, 0);
	load_images(argc > 5 ? argv[5] : "build/bench/images");
	start_members();
	puts("ready");
	fflush(stdout);
	getchar();
	from = work_cpu_ns();
	sem_post(&members[0].turn);
	while (sem_wait(&over))
		;
	printf("cpu_ns=%ld\n", work_cpu_ns() - from);
	return 0;
}
