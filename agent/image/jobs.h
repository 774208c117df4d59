/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The work on strangers' files, done in a process of its own. A job is one message with
 * descriptors; its answer is one message with a sealed memory file. Jobs are done one after the
 * other. A worker that crashes, or takes too long, costs the job it was at and is replaced at the
 * next one.
 */
#ifndef KPPROF_JOBS_H
#define KPPROF_JOBS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "elf.h"

struct job_queue;
struct loop;

enum job_op {
	JOB_ROWS,     /* unwind rows of an ELF file: a block for rows_map() */
	JOB_NAMES,    /* names of file offsets in an ELF file: a block for names_map() */
	JOB_KALLSYMS, /* names of kernel addresses, from /proc/kallsyms */
	JOB_PERFMAP,  /* names of addresses, from a perf map */
	JOB_ALLOC,    /* an allocator's functions: a block for alloc_funcs_check() */
	JOB_IDENTIFY, /* build ID and debug link of an ELF file alone: no block */
	JOB_OPS
};

/* The answer's fixed part; the build ID and the debug link are filled in by JOB_ROWS and
 * JOB_IDENTIFY. */
struct job_reply {
	int32_t status;
	uint32_t size;
	uint32_t build_id_len;
	uint8_t build_id[ELF_BUILD_ID_MAX];
	char debuglink[256];
};

/* The question; sent with the descriptors of file, input and debug file, those that there are. */
struct job_request {
	uint32_t op;
	uint32_t ninput;
	uint32_t has_debug;
	char basename[64];
};

/**
 * typedef job_cb - a job is done
 * @ctx: the caller's
 * @reply: status 0 or -errno: -EIO when the worker died over it, -ETIMEDOUT; for some minutes after
 *	either, -EIO at once, and no worker sees the file
 * @block: the answer, mapped read-only; the callback owns it (munmap); NULL when there is none
 */
typedef void (*job_cb)(void *ctx, const struct job_reply *reply, void *block);

/** job_queue_create() - a queue without a worker yet; 0 or -ENOMEM */
int job_queue_create(struct loop *loop, struct job_queue **out);

/** job_queue_destroy() - end the worker; open jobs get -ECANCELED */
void job_queue_destroy(struct job_queue *q);

/** job_queue_worker() - pid of the worker, 0 while there is none */
pid_t job_queue_worker(const struct job_queue *q);

/** job_queue_failures() - how often a worker has died or hung over a file */
uint64_t job_queue_failures(const struct job_queue *q);

/** job_queue_idle() - end the worker if it has nothing to do, and its memory with it */
void job_queue_idle(struct job_queue *q);

/**
 * job_submit() - queue a job
 * @q: queue
 * @op: what to do
 * @fd: file to work on; duplicated
 * @debug_fd: separate debug file or -1; duplicated
 * @basename: of the file, for names made from it; cut to 63 bytes
 * @input: addresses or offsets; copied
 * @ninput: how many
 * @cb: called once from the loop, never from here
 *
 * Return: 0 or -errno.
 */
int job_submit(struct job_queue *q, enum job_op op, int fd, int debug_fd, const char *basename,
	       const uint64_t *input, size_t ninput, job_cb cb, void *ctx);

/**
 * worker_main() - the worker's side: answer jobs until the other end is closed
 * @sock: SOCK_SEQPACKET
 *
 * Return: exit status.
 */
int worker_main(int sock);

/* How kpprofd is started to be the worker: argv[1], with the socket as descriptor 3. */
#define WORKER_ARG "--image-worker"
#define WORKER_FD  3

#endif /* KPPROF_JOBS_H */
