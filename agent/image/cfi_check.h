/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Call frame information, looked over before libdw sees it. libdw 0.188 reads over the end of an
 * entry whose instructions are cut, allocates for register numbers of any size, and never ends on
 * entries that were made for that. Here each entry's header is read and each instruction's operands
 * are stepped over, and what is not sound is turned into something that libdw skips. The
 * instructions are not interpreted.
 */
#ifndef KPPROF_CFI_CHECK_H
#define KPPROF_CFI_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"

/* Bytes that must be readable behind a section: libdw looks a little ahead. */
#define CFI_PADDING 64

/**
 * struct cfi_section - a private copy of .eh_frame or .debug_frame
 * @data: the bytes, CFI_PADDING more behind them; changed by cfi_check()
 * @size: without the padding
 * @vaddr: where it is linked to
 * @eh: .eh_frame, not .debug_frame
 * @stop_at_terminator: an empty entry ends the section; its true size is not known
 * @max_fdes: read no more than this many FDEs
 */
struct cfi_section {
	uint8_t *data;
	size_t size;
	uint64_t vaddr;
	bool eh;
	bool stop_at_terminator;
	uint64_t max_fdes;
};

/**
 * enum cfi_use - what is to be done with the range of an FDE
 * @CFI_USE: ask libdw
 * @CFI_SIGNAL: a signal trampoline; libdw need not be asked
 * @CFI_REFUSED: damaged, too long, or of a kind that libdw must not see
 */
enum cfi_use { CFI_USE, CFI_SIGNAL, CFI_REFUSED };

/**
 * struct cfi_fde - a range of code with frame information
 * @start: address as linked
 * @end: first address behind it
 * @offset: of the entry in the section
 * @use: what to do with it
 */
struct cfi_fde {
	uint64_t start;
	uint64_t end;
	uint32_t offset;
	enum cfi_use use;
};

/**
 * cfi_check() - check a section and list its FDEs
 * @sec: afterwards, libdw finds in its data exactly the FDEs that are listed as CFI_USE; the start
 *and the size may have moved
 * @fdes: gets struct cfi_fde, sorted by address and not overlapping
 *
 * Return: 0 or -ENOMEM.
 */
int cfi_check(struct cfi_section *sec, struct buf *fdes);

/**
 * cfi_read_pointer() - read an encoded pointer (DW_EH_PE_*)
 * @p: moved behind it
 * @end: of what may be read
 * @encoding: direct, absolute or relative to where it stands
 * @vaddr: of *@p
 * @val: out
 *
 * Return: false when it does not fit or is encoded in another way.
 */
bool cfi_read_pointer(const uint8_t **p, const uint8_t *end, uint8_t encoding, uint64_t vaddr,
		      uint64_t *val);

#endif /* KPPROF_CFI_CHECK_H */
