/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One frame as libdw describes it, as an unwind rule (uapi/kpprof.h). */
#ifndef KPPROF_CFI_RULE_H
#define KPPROF_CFI_RULE_H

#include <elfutils/libdw.h>

#include "../../uapi/kpprof.h"

/**
 * cfi_rule() - the rule of a frame
 * @frame: from dwarf_cfi_addrframe()
 * @ra: number of the return address's register, from dwarf_frame_info()
 *
 * Return: the rule, KPPROF_RULE_UNSUPPORTED when no other expresses it.
 */
struct kpprof_rule cfi_rule(Dwarf_Frame *frame, int ra);

#endif /* KPPROF_CFI_RULE_H */
