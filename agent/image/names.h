/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What code addresses are called: for each address the function and the line, and the functions
 * that are inlined there. One block of bytes, so that it can be handed from process to process.
 */
#ifndef KPPROF_NAMES_H
#define KPPROF_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/hash.h"

/* The image names all its functions, so an address without a name has none. */
#define NAMES_ALL_FUNCTIONS 1u
/* Some address got a line number. */
#define NAMES_HAVE_LINES 2u
/* Some address got an inlined function. */
#define NAMES_HAVE_INLINES 4u
/* No symbol: the name is the file's and where the function starts in it, from unwind information.
 */
#define NAMES_INVENTED 8u

/**
 * struct name_line - one function at an address
 * @name: linkage (mangled) name
 * @file: source file, "" when not known
 * @line: in @file, 0 when not known
 * @start_line: line of the function, 0 when not known
 */
struct name_line {
	const char *name;
	const char *file;
	uint32_t line;
	uint32_t start_line;
};

/**
 * struct names_builder - collects names in the order of the addresses; all zero is an empty one
 */
struct names_builder {
	struct buf counts; /* uint32_t: lines of each address */
	struct buf lines;  /* struct names_entry, see names.c */
	struct intern strings;
	uint32_t flags;
	uint32_t naddrs;
	int error;
};

/** names_begin() - what is added from here on belongs to the next address */
void names_begin(struct names_builder *b);

/** names_add() - one more function at this address; innermost inlined function first, the real one
 * last */
void names_add(struct names_builder *b, const char *name, const char *file, uint32_t line,
	       uint32_t start_line);

/** names_set_flags() - NAMES_*: true of all addresses */
void names_set_flags(struct names_builder *b, uint32_t flags);

/** names_finish() - append everything as one block to @out and empty the builder; 0 or -ENOMEM */
int names_finish(struct names_builder *b, struct buf *out);

/** names_builder_deinit() - free what is left of a builder */
void names_builder_deinit(struct names_builder *b);

/**
 * struct names - a block of names, checked
 */
struct names {
	const uint32_t *first; /* naddrs + 1 */
	const struct names_entry *lines;
	const char *strings;
	size_t strings_size;
	uint32_t naddrs;
	uint32_t nlines;
	uint32_t flags;
};

/**
 * names_map() - look into a block, which may come from a process that is not trusted
 * @block: aligned to 4 bytes; must outlive @names
 * @size: bytes
 * @names: out: points into @block
 *
 * Return: 0, or -EBADMSG.
 */
int names_map(const void *block, size_t size, struct names *names);

/** names_count() - functions at address @i, 0 when it has no name */
uint32_t names_count(const struct names *n, uint32_t i);

/** names_get() - function @k of address @i; valid as long as the block */
struct name_line names_get(const struct names *n, uint32_t i, uint32_t k);

#endif /* KPPROF_NAMES_H */
