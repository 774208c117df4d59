/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's trace events: their numbers for perf_event_open(2) and where their fields are.
 * tracefs is read through a mount of its own that has no place in the file system, so it need not
 * be mounted, and nothing is left behind.
 */
#ifndef KPPROF_TRACEFS_H
#define KPPROF_TRACEFS_H

#include <stdint.h>

/**
 * struct trace_field - where a field is in the raw data of an event
 * @name: as the event's format has it
 * @offset: out: bytes
 * @size: out: bytes
 */
struct trace_field {
	const char *name;
	uint32_t offset;
	uint32_t size;
};

/**
 * tracefs_open() - a directory descriptor of tracefs
 *
 * Return: the descriptor, which the caller closes; -ENODEV when the kernel has no trace events;
 * -EPERM, -errno.
 */
int tracefs_open(void);

/**
 * trace_event() - look up an event
 * @tracefs: from tracefs_open()
 * @name: "sched/sched_switch"
 * @fields: to be found, up to an entry without a name; NULL for none
 * @id: out: its number
 *
 * Return: 0; -ENOENT when there is no such event or field; -EBADMSG when the text is not
 * understood; -errno.
 */
int trace_event(int tracefs, const char *name, struct trace_field *fields, uint32_t *id);

/** trace_format_field() - find one field in the text of an event's format file; 0, -ENOENT or
 * -EBADMSG */
int trace_format_field(const char *format, struct trace_field *field);

/** trace_get() - an integer field of raw data, sign-extended; 0 when the data is too short or the
 * size is none of 1, 2, 4 and 8 */
int64_t trace_get(const struct trace_field *f, const unsigned char *raw, uint32_t size);

#endif /* KPPROF_TRACEFS_H */
