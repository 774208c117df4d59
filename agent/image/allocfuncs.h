/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocator's functions in one image: which ones it defines, and where to probe them. */
#ifndef KPPROF_ALLOCFUNCS_H
#define KPPROF_ALLOCFUNCS_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "probesites.h"

struct elf_image;

/* What a function takes; the registers are those of the x86-64 calling convention. */
enum alloc_kind {
	ALLOC_SIZE,	    /* di bytes: malloc, operator new, valloc */
	ALLOC_ARRAY,	    /* di times si bytes: calloc */
	ALLOC_ALIGNED,	    /* si bytes: memalign, aligned_alloc */
	ALLOC_STORED,	    /* dx bytes, the pointer goes to *di: posix_memalign */
	ALLOC_RESIZE,	    /* the block at di to si bytes: realloc */
	ALLOC_RESIZE_ARRAY, /* the block at di to si times dx bytes: reallocarray */
	ALLOC_FREE,	    /* the block at di: free, operator delete */
	ALLOC_KINDS
};

enum { ALLOC_FUNCS_MAX = 64, ALLOC_NAME_MAX = 40 };

/* Bits of struct alloc_func.flags. */
enum {
	ALLOC_CXX = 1,	  /* operator new or delete */
	ALLOC_OWN = 4,	  /* of an allocator that the program calls by names of its own */
	ALLOC_LEAVES = 2, /* jumps to another one of these: to resize no block, or to align to what
			     malloc aligns to anyway */
};

/**
 * struct alloc_func - one function
 * @start: file offset of its first instruction
 * @end: behind its last one
 * @name: as linked
 * @kind: enum alloc_kind
 * @flags: see above
 * @sites: where to probe it
 */
struct alloc_func {
	uint64_t start;
	uint64_t end;
	char name[ALLOC_NAME_MAX];
	uint32_t kind;
	uint32_t flags;
	struct probe_sites sites;
};

/**
 * alloc_funcs_find() - all of an image
 * @img: the image
 * @out: struct alloc_func are appended, each function once, those of an allocator with names of its
 *	own first; nothing when it defines no malloc and no operator new
 *
 * Names of its own are those of a jemalloc that was configured with a prefix (je_malloc in Redis,
 * _rjem_malloc in Rust programs). Any will do: it is what stands before mallctl, dallocx and
 * sdallocx, which no other allocator has.
 *
 * Return: 0 or -ENOMEM.
 */
int alloc_funcs_find(struct elf_image *img, struct buf *out);

/**
 * alloc_funcs_check() - whether a block that came from the worker makes sense
 * @block: struct alloc_func
 * @size: bytes
 *
 * Return: how many functions there are, or -EBADMSG.
 */
int alloc_funcs_check(const void *block, size_t size);

#endif /* KPPROF_ALLOCFUNCS_H */
