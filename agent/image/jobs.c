// SPDX-License-Identifier: GPL-2.0-or-later
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "blame.h"

/* A worker that is at one job for longer hangs. */
#define JOB_TIMEOUT_NS (20 * NSEC_PER_SEC)

extern char **environ;

struct job {
	struct job *next;
	struct job_request req;
	int fd;
	int debug_fd;
	int input_fd;
	int refused; /* -errno when no worker gets to see it */
	job_cb cb;
	void *ctx;
};

struct job_queue {
	struct loop *loop;
	struct loop_fd sock;
	struct loop_timer timer;
	pid_t pid; /* 0 without a worker */
	struct job *first;
	struct job **last;
	bool sent; /* the first job is with the worker */
	struct blame blame;
};

static struct job_queue *queue_of_fd(struct loop_fd *w)
{
	return (struct job_queue *)((char *)w - offsetof(struct job_queue, sock));
}

static struct job_queue *queue_of_timer(struct loop_timer *t)
{
	return (struct job_queue *)((char *)t - offsetof(struct job_queue, timer));
}

static void job_free(struct job *j)
{
	cleanup_close_(&j->fd);
	cleanup_close_(&j->debug_fd);
	cleanup_close_(&j->input_fd);
	free(j);
}

/* Kills the worker, if there is one. */
static void worker_end(struct job_queue *q)
{
	int sock = q->sock.fd;

	if (!q->pid)
		return;
	loop_del(q->loop, &q->sock);
	close(sock);
	kill(q->pid, SIGKILL);
	while (waitpid(q->pid, NULL, 0) < 0 && errno == EINTR)
		;
	q->pid = 0;
}

static void submit_first(struct job_queue *q);

/* Takes the first job off the queue and answers it; the next one goes to the worker first. */
static void job_done(struct job_queue *q, const struct job_reply *reply, void *block)
{
	struct job *j = q->first;

	loop_timer_clear(q->loop, &q->timer);
	q->first = j->next;
	if (!q->first)
		q->last = &q->first;
	q->sent = false;
	submit_first(q);
	j->cb(j->ctx, reply, block);
	job_free(j);
}

static void job_failed(struct job_queue *q, int err)
{
	struct job_reply reply = {.status = err};

	log_warning("image worker: %s: %s", q->first->req.basename, strerror(-err));
	/* The kernel's names are no stranger's. */
	if (q->first->req.op != JOB_KALLSYMS)
		blame_add(&q->blame, q->first->fd, loop_now());
	worker_end(q);
	job_done(q, &reply, NULL);
}

static void *map_block(int fd, size_t size)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;
	void *block;

	/* What is mapped must not change or shrink under us, whoever wrote it. */
	if ((fcntl(fd, F_GET_SEALS) & seals) != seals || fstat(fd, &st) < 0 ||
	    (size_t)st.st_size < size)
		return NULL;
	block = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	return block == MAP_FAILED ? NULL : block;
}

static int receive_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void reply_ready(struct loop_fd *w, uint32_t events)
{
	struct job_queue *q = queue_of_fd(w);
	char control[CMSG_SPACE(sizeof(int))];
	struct job_reply reply;
	struct iovec iov = {&reply, sizeof(reply)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	_cleanup_close_ int fd = n > 0 ? receive_fd(&msg) : -1;
	void *block = NULL;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!q->first || !q->sent) { /* it died while idle */
		worker_end(q);
		return;
	}
	if (n != sizeof(reply) || reply.status > 0 || reply.build_id_len > ELF_BUILD_ID_MAX) {
		job_failed(q, -EIO);
		return;
	}
	reply.debuglink[sizeof(reply.debuglink) - 1] = '\0';
	if (!reply.status && reply.size) {
		block = fd >= 0 ? map_block(fd, reply.size) : NULL;
		if (!block)
			reply.status = -EIO;
	}
	job_done(q, &reply, block);
}

static void timed_out(struct loop_timer *t)
{
	struct job_queue *q = queue_of_timer(t);
	const struct job_reply reply = {.status = q->first->refused};

	if (q->first->refused)
		job_done(q, &reply, NULL);
	else
		job_failed(q, -ETIMEDOUT);
}

static int spawn_worker(struct job_queue *q)
{
	char *argv[] = {(char[]){"kpprofd"}, (char[]){WORKER_ARG}, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int sv[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, sv[1], WORKER_FD);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	err = posix_spawn(&q->pid, "/proc/self/exe", &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	close(sv[1]);
	if (err)
		q->pid = 0;
	else
		err = -loop_add(q->loop, &q->sock, sv[0], EPOLLIN);
	if (err)
		close(sv[0]);
	return -err;
}

static int send_job(struct job_queue *q, const struct job *j)
{
	int fds[3] = {j->fd, j->input_fd, j->debug_fd};
	size_t nfds = j->debug_fd >= 0 ? 3 : 2;
	union {
		char buf[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)&j->req, sizeof(j->req)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = CMSG_SPACE(nfds * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	return sendmsg(q->sock.fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Gives the job to a worker; 0 or -errno. */
static int hand_over(struct job_queue *q, const struct job *j)
{
	int err;

	if (blame_find(&q->blame, j->fd, loop_now()))
		return -EIO;
	err = q->pid ? 0 : spawn_worker(q);
	if (!err)
		err = send_job(q, j);
	if (err) {
		log_error("image worker: %s", strerror(-err));
		worker_end(q);
	}
	return err;
}

static void submit_first(struct job_queue *q)
{
	if (!q->first || q->sent)
		return;
	q->sent = true;
	q->first->refused = hand_over(q, q->first);
	/* A failure is told from the loop, like any other answer: the timer runs out at once. */
	loop_timer_set(q->loop, &q->timer, q->first->refused ? 0 : JOB_TIMEOUT_NS);
}

int job_queue_create(struct loop *loop, struct job_queue **out)
{
	struct job_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->loop = loop;
	q->sock = (struct loop_fd){.fd = -1, .cb = reply_ready};
	q->timer.cb = timed_out;
	q->last = &q->first;
	*out = q;
	return 0;
}

void job_queue_destroy(struct job_queue *q)
{
	if (!q)
		return;
	worker_end(q);
	loop_timer_clear(q->loop, &q->timer);
	while (q->first) {
		struct job_reply reply = {.status = -ECANCELED};
		struct job *j = q->first;

		q->first = j->next;
		j->cb(j->ctx, &reply, NULL);
		job_free(j);
	}
	free(q);
}

pid_t job_queue_worker(const struct job_queue *q)
{
	return q->pid;
}

uint64_t job_queue_failures(const struct job_queue *q)
{
	return q->blame.total;
}

void job_queue_idle(struct job_queue *q)
{
	if (!q->first)
		worker_end(q);
}

static int write_input(const uint64_t *input, size_t n)
{
	_cleanup_close_ int fd = memfd_create("kpprof-input", MFD_CLOEXEC);
	size_t left = n * sizeof(*input);
	const char *at = (const char *)input;

	if (fd < 0)
		return -errno;
	while (left) {
		ssize_t done = write(fd, at, left);

		if (done < 0)
			return -errno;
		at += done;
		left -= (size_t)done;
	}
	return take_fd(fd);
}

int job_submit(struct job_queue *q, enum job_op op, int fd, int debug_fd, const char *basename,
	       const uint64_t *input, size_t ninput, job_cb cb, void *ctx)
{
	struct job *j;

	if (ninput > UINT32_MAX / sizeof(*input))
		return -E2BIG;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	j->debug_fd = debug_fd < 0 ? -1 : fcntl(debug_fd, F_DUPFD_CLOEXEC, 0);
	j->input_fd = write_input(input, ninput);
	if (j->fd < 0 || j->input_fd < 0) {
		job_free(j);
		return -EMFILE;
	}
	j->req = (struct job_request){
		.op = op, .ninput = (uint32_t)ninput, .has_debug = j->debug_fd >= 0};
	snprintf(j->req.basename, sizeof(j->req.basename), "%s", basename);
	j->cb = cb;
	j->ctx = ctx;
	*q->last = j;
	q->last = &j->next;
	submit_first(q);
	return 0;
}
