/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables inside Go's pclntab, read with every offset checked. x86-64 and arm64 only: pointers
 * have 8 bytes, little-endian.
 *
 *   Go 1.2   header, functab {pc, offset}[n] + end pc, all else by offsets from the header
 *   Go 1.16  header with offsets of funcname, cu, file, pc, func tables; offsets are within those
 *   Go 1.18  pcs are 32-bit offsets from the text's start, which is in the header
 *   Go 1.20  the function record has its first line
 */
#ifndef KPPROF_GOTABLE_H
#define KPPROF_GOTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gotable_version { GO_1_2, GO_1_16, GO_1_18, GO_1_20 };

/* A part of the table; ends where the table ends. */
struct gospan {
	const uint8_t *data;
	size_t size;
};

/**
 * struct gotable - a checked header
 * @version: of the format
 * @quantum: pcs count in units of this many bytes
 * @nfunc: functions
 * @text: address that pcs count from; 0 before Go 1.18
 * @all: everything
 * @names: of functions
 * @cus: file numbers of compilation units, from Go 1.16 on
 * @files: names; Go 1.2: offsets of names
 * @pcs: pc-value tables
 * @funcs: functab, and what it has offsets into
 * @functab: in it
 */
struct gotable {
	enum gotable_version version;
	uint32_t quantum;
	uint32_t nfunc;
	uint64_t text;
	struct gospan all;
	struct gospan names;
	struct gospan cus;
	struct gospan files;
	struct gospan pcs;
	struct gospan funcs;
	struct gospan functab;
};

/* What Go's runtime notes of a function (runtime/symtab.go, funcFlag). */
#define GO_FUNC_TOPFRAME 1u
#define GO_FUNC_SPWRITE	 2u

/**
 * struct gofunc - one function
 * @entry: address as linked
 * @end: of the next function
 * @name: offset for gotable_string()
 * @pcsp: pc-value table of the frame size; 0 for none, as the others
 * @pcfile: of the file
 * @pcln: of the line
 * @cu: first index in the cu table
 * @start_line: 0 when not known
 * @flags: GO_FUNC_*, where the version has them
 * @has_flags: whether it has
 * @npcdata: entries
 * @nfuncdata: entries
 * @pcdata: where both arrays begin in the function table
 */
struct gofunc {
	uint64_t entry;
	uint64_t end;
	uint32_t name;
	uint32_t pcsp;
	uint32_t pcfile;
	uint32_t pcln;
	uint32_t cu;
	uint32_t start_line;
	uint8_t flags;
	bool has_flags;
	uint32_t npcdata;
	uint8_t nfuncdata;
	size_t pcdata;
};

/* Go's own numbers of what the inlined calls are stored as. */
enum { GO_PCDATA_INL_TREE = 2, GO_FUNCDATA_INL_TREE = 3 };

/**
 * gotable_init() - check a header
 * @t: the table; pointers into @data
 * @data: begins with the header; must outlive the table
 * @size: all that may belong to it
 *
 * Return: 0 or -EBADMSG.
 */
int gotable_init(struct gotable *t, const uint8_t *data, size_t size);

/** gotable_header_ok() - whether 8 bytes may begin a table */
bool gotable_header_ok(const uint8_t *p);

/** gotable_func() - function @i; false when its record is damaged */
bool gotable_func(const struct gotable *t, uint32_t i, struct gofunc *f);

/** gotable_find() - the function that covers @pc; false when there is none */
bool gotable_find(const struct gotable *t, uint64_t pc, struct gofunc *f);

/** gotable_string() - a NUL-terminated string in a span, or NULL */
const char *gotable_string(const struct gospan *s, uint64_t at);

/** gotable_file() - name of file number @n of a function's unit, or NULL */
const char *gotable_file(const struct gotable *t, const struct gofunc *f, int32_t n);

/** gotable_pcdata() - the pc-value table @i of a function, 0 for none */
uint32_t gotable_pcdata(const struct gotable *t, const struct gofunc *f, uint32_t i);

/** gotable_funcdata() - offset @i from go:func.* of a function, UINT32_MAX for none; from Go 1.18
 * on */
uint32_t gotable_funcdata(const struct gotable *t, const struct gofunc *f, uint32_t i);

/**
 * struct gopcs - a walk through a pc-value table; set by gopcs_init()
 * @start: the value holds from here
 * @end: up to here
 * @value: the value
 */
struct gopcs {
	const uint8_t *p;
	const uint8_t *limit;
	uint32_t quantum;
	bool first;
	uint64_t start;
	uint64_t end;
	int32_t value;
};

/** gopcs_init() - begin with table @off of a function; false when it has none */
bool gopcs_init(struct gopcs *w, const struct gotable *t, const struct gofunc *f, uint32_t off);

/** gopcs_next() - the next range; false at the end */
bool gopcs_next(struct gopcs *w);

/**
 * gotable_value() - the value of a pc-value table at an address
 * @t: the tables
 * @f: function
 * @off: which table
 * @pc: address
 * @steps: steps that may be made; counts down
 *
 * Return: the value, -1 for none.
 */
int32_t gotable_value(const struct gotable *t, const struct gofunc *f, uint32_t off, uint64_t pc,
		      uint32_t *steps);

#endif /* KPPROF_GOTABLE_H */
