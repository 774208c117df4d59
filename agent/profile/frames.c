// SPDX-License-Identifier: GPL-2.0-or-later
#include "frames.h"

#include <stdio.h>

#include "model.h"
#include "places.h"

static const char *const end_text[] = {
#define KPPROF_END(name, text) [KPPROF_END_##name] = text,
	KPPROF_ENDS(KPPROF_END)
#undef KPPROF_END
};

const char *frames_end_text(enum kpprof_end end)
{
	return end_text[end];
}

/* The frame that a stack ends with instead of its outermost function. */
static int64_t truncated_frame(struct profile *p, enum kpprof_end end)
{
	char name[96];

	snprintf(name, sizeof(name), "[truncated: %s]", end_text[end]);
	return profile_synthetic(p, name);
}

int64_t frames_locate(struct places *pl, pid_t pid, const struct stack *s, uint32_t *out)
{
	enum kpprof_end end = s->end;
	unsigned int n = 0, i;
	int64_t loc;

	for (i = 0; i < s->nkernel; i++) {
		loc = places_kernel(pl, s->kernel[i]);
		if (loc < 0)
			return loc;
		out[n++] = (uint32_t)loc;
	}
	for (i = 0; i < s->nuser; i++) {
		loc = places_user(pl, pid, s->maps, s->user[i]);
		if (loc < 0)
			return loc;
		out[n++] = (uint32_t)loc;
	}
	if (end == KPPROF_END_COMPLETE && n)
		return n;
	loc = truncated_frame(pl->profile, end == KPPROF_END_COMPLETE ? KPPROF_END_NO_REGS : end);
	if (loc < 0)
		return loc;
	out[n++] = (uint32_t)loc;
	return n;
}
