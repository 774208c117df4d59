/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where to probe a function so that its arguments and its result are seen, without a return probe:
 * the function's instructions are followed from its start, and its result backwards from each
 * return. Instructions that the kernel emulates are preferred: one that it single-steps costs many
 * times as much.
 */
#ifndef KPPROF_PROBESITES_H
#define KPPROF_PROBESITES_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct elf_image;

/* Places at which the result of one function is seen. */
enum { PROBE_EXITS_MAX = 24, PROBE_LEAVES_MAX = 32 };

/* A function's own stack. */
enum { PROBE_DEPTH_MAX = 1 << 20 };

/**
 * struct probe_site - an instruction to probe
 * @offset: in the file
 * @add: the value is register @reg plus this
 * @reg: number as in insn.h
 * @stepped: the kernel has to single-step the instruction
 * @depth: bytes that the stack pointer is below its value at the function's first instruction; -1
 *	when that is not known
 */
struct probe_site {
	uint64_t offset;
	int64_t add;
	uint8_t reg;
	uint8_t stepped;
	uint8_t reserved[2];
	int32_t depth;
};

/**
 * struct probe_sites - of one function
 * @entry: where the arguments are in their registers still, on all ways into the function
 * @exits: where the result is known. On each way through the function at least one is passed, and
 *	the last one that is passed has the right value
 * @nexits: how many
 * @leaves: file offsets that it jumps to and that lie outside of it: other functions, or parts of
 *it that the compiler put elsewhere
 * @nleaves: how many
 * @tail: the file offset outside of it that all ways through it lead to, without a branch in front;
 *	0 for none
 * @nreturns: return instructions that were found
 * @complete: 0 when some ways were not found (jumps through pointers)
 */
struct probe_sites {
	struct probe_site entry;
	struct probe_site exits[PROBE_EXITS_MAX];
	uint64_t leaves[PROBE_LEAVES_MAX];
	uint64_t tail;
	uint32_t nexits;
	uint32_t nleaves;
	uint32_t nreturns;
	uint32_t complete;
};

/**
 * struct probe_function - the function to look at
 * @img: its image
 * @fdes: where code of other functions begins, see fdes_read()
 * @slots: where jumps through its table of addresses lead, see plt_read()
 * @start: file offset of its first instruction
 * @end: behind its last one
 * @args: registers that the entry's probe wants unchanged, a bit for each
 * @stored: what it stores in memory is wanted, not what it returns: an exit comes behind the last
 *	store, and its register means nothing
 * @cleared: what it returns may have been made by memset(3), to which it jumps through a pointer
 * @exits: exits are wanted
 */
struct probe_function {
	const struct elf_image *img;
	const struct buf *fdes;
	const struct buf *slots;
	uint64_t start;
	uint64_t end;
	uint32_t args;
	bool stored;
	bool cleared;
	bool exits;
};

/**
 * probe_sites_find() - look at a function's code
 *
 * Return: 0; -EILSEQ when this is no code; -E2BIG when there is too much of it, or too many exits;
 * -ENOMEM.
 */
int probe_sites_find(const struct probe_function *f, struct probe_sites *out);

#endif /* KPPROF_PROBESITES_H */
