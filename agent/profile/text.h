/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ?debug=1 of cumulative profiles, as Go's runtime/pprof prints them and `go tool pprof` reads them
 * (legacy_profile.go of github.com/google/pprof): a line of numbers and return addresses for each
 * stack, and below it, behind '#', what is there.
 *
 * Frames in brackets have no address; each name is given a small one, which no code has, because a
 * stack without addresses is malformed.
 */
#ifndef KPPROF_TEXT_H
#define KPPROF_TEXT_H

#include <stdint.h>

struct buf;
struct profile;

/** text_count() - "NAME profile: total N", then "N @ 0x...", most first; @p has one value */
void text_count(const struct profile *p, const char *name, struct buf *out);

/**
 * text_contention() - "--- NAME:", then "CYCLES COUNT @ 0x...", longest first
 * @p: values are a count and nanoseconds, and a cycle is a nanosecond here
 * @name: "contention" or "mutex"
 */
void text_contention(const struct profile *p, const char *name, struct buf *out);

/**
 * text_heap() - "heap profile: ...", then "N: BYTES [N: BYTES] @ 0x...", most in use first
 * @p: values are allocated objects and bytes, and objects and bytes in use
 * @rate: mean bytes between samples. Readers scale what is in the text, so values are put back to
 *	what was sampled.
 */
void text_heap(const struct profile *p, uint64_t rate, struct buf *out);

#endif /* KPPROF_TEXT_H */
