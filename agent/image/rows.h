/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From call frame information to unwind rows (uapi/kpprof.h), and rows as one block of bytes that
 * can be handed from process to process or to the kernel.
 */
#ifndef KPPROF_ROWS_H
#define KPPROF_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "../../kmod/walk.h"
#include "../base/buf.h"
#include "../base/hash.h"

struct elf_image;

/**
 * struct rows_builder - collects ranges of code with their rules, in any order; all zero is an
 * empty one
 *
 * Ranges that overlap: the one that was added first wins.
 */
struct rows_builder {
	struct buf ranges;    /* of struct row_range, see rows.c */
	struct buf functions; /* uint32_t: file offsets */
	struct intern rules;
	uint32_t seq; /* ranges added so far */
	int error;
};

/**
 * rows_add() - code from file offset @start up to @end follows @rule
 *
 * Empty ranges, and what lies over KPPROF_PC_MAX, are ignored. A failed allocation, and what goes
 * over a limit, is remembered.
 */
void rows_add(struct rows_builder *b, uint64_t start, uint64_t end, const struct kpprof_rule *rule);

/**
 * rows_add_function() - a function is known to start at file offset @start
 *
 * Counts only where no range covers it: there it begins a KPPROF_RULE_NONE row of its own.
 */
void rows_add_function(struct rows_builder *b, uint64_t start);

/**
 * struct row_gap - file offsets from @start up to @end, of which no range says anything
 */
struct row_gap {
	uint64_t start;
	uint64_t end;
};

/**
 * rows_gaps() - what the ranges that were added so far leave open, up to KPPROF_PC_MAX
 * @b: the builder
 * @gaps: gets struct row_gap, in order
 *
 * Return: 0 or -ENOMEM.
 */
int rows_gaps(struct rows_builder *b, struct buf *gaps);

/**
 * rows_finish() - sort, fill the gaps, and append the rows as one block to @out
 * @b: empty afterwards, whatever is returned
 * @out: rows_map() reads what is appended
 *
 * The rows begin at file offset 0.
 *
 * Return: 0, -ENODATA when nothing was added, -E2BIG over a limit of uapi/kpprof.h, -ENOMEM.
 */
int rows_finish(struct rows_builder *b, struct buf *out);

/** rows_builder_deinit() - free what is left of a builder */
void rows_builder_deinit(struct rows_builder *b);

/**
 * rows_map() - look into a block of rows
 * @block: from rows_finish(), aligned to 8 bytes; must outlive @rows
 * @size: bytes
 * @rows: out: points into @block
 *
 * The block may come from a process that is not trusted: sizes are checked, and kpprof_rows_check()
 * run.
 *
 * Return: 0, or -EBADMSG.
 */
int rows_map(const void *block, size_t size, struct kpprof_rows *rows);

/**
 * rows_build() - all that is known about unwinding an image
 * @img: with or without section headers
 * @out: block of rows is appended
 *
 * From .eh_frame (found by section, else by PT_GNU_EH_FRAME), .debug_frame, and Go's pclntab; then,
 * for code that none of them covers, what can be read from the code itself: signal trampolines, the
 * entry point, thread exits, and the functions' starts.
 *
 * Return: 0, -ENODATA when nothing is known, -E2BIG, -ENOMEM.
 */
int rows_build(struct elf_image *img, struct buf *out);

#endif /* KPPROF_ROWS_H */
