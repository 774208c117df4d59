/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instructions that functions of an allocator begin with, as far as they have to be known to
 * say that a probe behind them is at an instruction's first byte. Pure, so it may be called in any
 * context.
 */
#ifndef KPPROF_PROLOGUE_H
#define KPPROF_PROLOGUE_H

#include <linux/types.h>

/**
 * kpprof_prologue_fits() - whether an instruction begins at byte @at
 * @code: the function's first instructions
 * @n: bytes of them
 * @at: less than @n
 *
 * Return: false also when there is an instruction before it that is not known here.
 */
bool kpprof_prologue_fits(const u8 *code, unsigned int n, unsigned int at);

#endif /* KPPROF_PROLOGUE_H */
