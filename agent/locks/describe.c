// SPDX-License-Identifier: GPL-2.0-or-later
/* What a thread waits for, in one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../threads/dump.h"
#include "parts.h"
#include "../base/escape.h"
#include "waits.h"

void locks_describe_lock(const struct lock *lock, struct buf *out)
{
	if (lock->guessed)
		buf_puts(out, "probably ");
	buf_puts(out, lock_name(lock->type));
	if (lock->addr)
		buf_printf(out, " 0x%llx", (unsigned long long)lock->addr);
	if (lock->kind[0] || (lock->shared && lock->addr))
		buf_printf(out, " (%s%s%s)", lock->kind,
			   lock->kind[0] && lock->shared && lock->addr ? ", " : "",
			   lock->shared && lock->addr ? "process-shared" : "");
}

static void describe_owner(const struct locks *l, uint32_t i, struct buf *out)
{
	const struct lock_wait *wait = &l->waits[i];
	const char *what = l->found[i].holder == HOLDER_PROCESS ? "process" : "thread";
	int64_t at = tasks_find(&l->tasks, wait->owner);
	_cleanup_buf_ struct buf comm = {0};
	char name[4 * sizeof(l->tasks.threads->name)];

	buf_printf(out, "%s %d", what, (int)wait->owner);
	if (at >= 0) {
		buf_printf(out, " \"%s\"",
			   escape_line(l->tasks.threads[at].name, name, sizeof(name)));
	} else if (!wait->owner_gone && proc_read(wait->owner, "comm", 64, &comm) == 0) {
		comm.data[strcspn(comm.data, "\n")] = '\0';
		buf_printf(out, " \"%s\"", escape_line(comm.data, name, sizeof(name)));
	}
	/* A lock that was held during a fork is held for ever in the child. */
	if (wait->owner_gone)
		buf_puts(out, task_group(wait->owner) ? ", which is no thread of this process"
						      : ", which has exited");
}

static void describe_holder(const struct locks *l, uint32_t i, struct buf *out)
{
	const struct lock *lock = &l->found[i];

	switch (lock->holder) {
	case HOLDER_THREAD:
	case HOLDER_PROCESS:
		buf_puts(out, ", held by ");
		if (l->waits[i].owner == l->tasks.threads[i].tid)
			buf_puts(out, "the thread itself");
		else
			describe_owner(l, i, out);
		break;
	case HOLDER_READERS:
		buf_printf(out, ", held by %u reader%s, owner not recorded", lock->readers,
			   lock->readers == 1 ? "" : "s");
		break;
	case HOLDER_SOMEONE:
		buf_puts(out, ", owner not recorded");
		break;
	case HOLDER_NOBODY:
		buf_puts(out, " that the kernel refused, because a cycle would have closed; which "
			      "one was not found");
		break;
	case HOLDER_UNKNOWN:
		buf_puts(out, ", owner unknown");
		break;
	case HOLDER_NONE:
		break;
	}
}

bool locks_describe(struct locks *l, uint32_t i)
{
	struct lock_wait *wait = &l->waits[i];
	const struct lock *lock = &l->found[i];
	_cleanup_buf_ struct buf text = {0};
	char *line;

	wait->reason = lock_reason(lock->type);
	if (lock->type == LOCK_JOIN) {
		buf_puts(&text, "end of ");
		describe_owner(l, i, &text);
	} else {
		/* Of a file lock the detail is the file already. */
		if (wait->detail[0])
			buf_printf(&text, "%s, ", wait->detail);
		locks_describe_lock(lock, &text);
		describe_holder(l, i, &text);
	}
	buf_append(&text, "", 1);
	if (buf_error(&text))
		return false;
	line = take_ptr(text.data);
	if (wait->detail[0])
		free((char *)wait->detail);
	wait->detail = line;
	return true;
}
