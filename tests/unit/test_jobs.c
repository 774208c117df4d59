// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent/image/jobs.c and sandbox.c: a worker that dies or hangs over a file, and what a worker may
 * not do. This program is its own worker: the name of the file says what it is to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/base/loop.h"
#include "../../agent/image/jobs.h"
#include "../../agent/image/sandbox.h"

/* ---- the worker's side */

static int misbehave(void)
{
	struct job_request req = {0};

	recv(WORKER_FD, &req, sizeof(req), MSG_PEEK);
	if (strcmp(req.basename, "die") == 0)
		raise(SIGKILL);
	if (strcmp(req.basename, "hang") == 0)
		pause();
	if (strcmp(req.basename, "leave") == 0)
		return 0;
	return worker_main(WORKER_FD);
}

/* ---- the agent's side */

struct answer {
	struct loop *loop;
	unsigned int n;
	int status;
};

static void on_answer(void *ctx, const struct job_reply *reply, void *block)
{
	struct answer *a = ctx;

	if (block)
		munmap(block, reply->size);
	a->n++;
	a->status = reply->status;
	loop_stop(a->loop);
}

static int ask(struct job_queue *q, struct answer *a, int fd, const char *name)
{
	unsigned int before = a->n;

	assert_int_equal(job_submit(q, JOB_ROWS, fd, -1, name, NULL, 0, on_answer, a), 0);
	assert_int_equal(a->n, before);
	assert_int_equal(loop_run(a->loop), 0);
	assert_int_equal(a->n, before + 1);
	return a->status;
}

static void test_death(void **state)
{
	int bad = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int same = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int good = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct answer a = {0};
	struct job_queue *q;

	(void)state;
	assert_true(bad >= 0 && same >= 0 && good >= 0);
	assert_int_equal(loop_create(&a.loop), 0);
	assert_int_equal(job_queue_create(a.loop, &q), 0);
	assert_int_equal(ask(q, &a, good, "good"), 0);
	assert_int_equal(job_queue_failures(q), 0);
	job_queue_idle(q);
	assert_int_equal(ask(q, &a, bad, "die"), -EIO);
	assert_int_equal(job_queue_failures(q), 1);
	/* no worker is started for it, whatever it is called now */
	assert_int_equal(ask(q, &a, same, "good"), -EIO);
	assert_int_equal(job_queue_worker(q), 0);
	assert_int_equal(job_queue_failures(q), 1);
	assert_int_equal(ask(q, &a, good, "good"), 0);
	assert_int_not_equal(job_queue_worker(q), 0);
	job_queue_destroy(q);
	loop_destroy(a.loop);
	close(bad);
	close(same);
	close(good);
}

/* Jobs that are queued behind it are answered, too, and those of other files in earnest. */
static void test_queued(void **state)
{
	int bad = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int good = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct answer a = {0}, b = {0}, c = {0};
	struct job_queue *q;

	(void)state;
	assert_int_equal(loop_create(&a.loop), 0);
	b.loop = c.loop = a.loop;
	assert_int_equal(job_queue_create(a.loop, &q), 0);
	assert_int_equal(job_submit(q, JOB_ROWS, bad, -1, "leave", NULL, 0, on_answer, &a), 0);
	assert_int_equal(job_submit(q, JOB_ROWS, bad, -1, "again", NULL, 0, on_answer, &b), 0);
	assert_int_equal(job_submit(q, JOB_ROWS, good, -1, "good", NULL, 0, on_answer, &c), 0);
	while (!c.n)
		assert_int_equal(loop_run(a.loop), 0);
	assert_int_equal(a.status, -EIO);
	assert_int_equal(b.status, -EIO);
	assert_int_equal(c.status, 0);
	assert_int_equal(job_queue_failures(q), 1);
	job_queue_destroy(q);
	loop_destroy(a.loop);
	close(bad);
	close(good);
}

/* It costs one answer, after JOB_TIMEOUT_NS, and no other file's; the same file is not tried at
 * once. */
static void test_hang(void **state)
{
	int bad = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int good = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct answer a = {0}, b = {0};
	struct job_queue *q;
	pid_t hung;

	(void)state;
	assert_int_equal(loop_create(&a.loop), 0);
	b.loop = a.loop;
	assert_int_equal(job_queue_create(a.loop, &q), 0);
	assert_int_equal(job_submit(q, JOB_ROWS, bad, -1, "hang", NULL, 0, on_answer, &a), 0);
	hung = job_queue_worker(q);
	assert_int_not_equal(hung, 0);
	assert_int_equal(job_submit(q, JOB_ROWS, good, -1, "good", NULL, 0, on_answer, &b), 0);
	while (!b.n)
		assert_int_equal(loop_run(a.loop), 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.status, -ETIMEDOUT);
	assert_int_equal(b.status, 0);
	assert_int_equal(job_queue_failures(q), 1);
	assert_int_equal(kill(hung, 0), -1);
	hung = job_queue_worker(q);
	assert_int_equal(ask(q, &a, bad, "good"), -EIO);
	assert_int_equal(job_queue_worker(q), hung);
	assert_int_equal(job_queue_failures(q), 1);
	job_queue_destroy(q);
	loop_destroy(a.loop);
	close(bad);
	close(good);
}

#ifndef __SANITIZE_ADDRESS__
static bool forbidden(long result)
{
	return result < 0 && (errno == EPERM || errno == EACCES);
}

/* In a child: 0 when nothing of it is possible, or which one was. */
static int try_all(void)
{
	void *page;

	if (sandbox_enter())
		return 1;
	if (!forbidden(open("/etc/passwd", O_RDONLY)) || !forbidden(openat(3, "x", O_RDONLY)))
		return 2;
	if (!forbidden(socket(AF_INET, SOCK_STREAM, 0)))
		return 3;
	if (!forbidden(fork()) || !forbidden(execl("/bin/true", "true", NULL)))
		return 4;
	if (!forbidden(kill(getppid(), 0)))
		return 5;
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		return 6;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
		return 7;
	page = mmap(NULL, 2 * SANDBOX_DATA_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	return page == MAP_FAILED ? 0 : 8;
}
#endif

static void test_sandbox(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* AddressSanitizer needs calls that the sandbox does not have */
#else
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(try_all());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#endif
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_queued),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_sandbox),
	};

	if (argc == 2 && strcmp(argv[1], WORKER_ARG) == 0)
		return misbehave();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
