// SPDX-License-Identifier: GPL-2.0-or-later
#include "bundle_parts.h"

#include <inttypes.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/target.h"
#include "../profile/armed.h"
#include "../profile/block.h"
#include "../profile/cumulative.h"
#include "../profile/heap.h"
#include "../profile/mutex.h"
#include "../profile/threadcreate.h"

/* What a bundle arms by itself is disarmed a moment after it. */
#define PROFILE(name, query, text)                                                               \
	{                                                                                        \
		"profiles/" name ".pb.gz", "/debug/pprof/" query "lease=10", BUNDLE_START, true, \
			true, NULL, text                                                         \
	}

#define TOTAL(name, of)                                                                 \
	{                                                                               \
		"totals/" name ".pb.gz", "/debug/pprof/" name, BUNDLE_END, true, false, \
			&of##_profile.armed, "since it was armed, before the bundle"    \
	}

static const struct bundle_part parts[] = {
	{"profiles/cpu.pb.gz", "/debug/pprof/profile?hz=99", BUNDLE_START, true, true, NULL,
	 "on-CPU time, user and kernel code"},
	PROFILE("block", "block?", "where threads waited, and for what"),
	PROFILE("mutex", "mutex?", "who kept others waiting"),
	PROFILE("threadcreate", "threadcreate?", "who made threads"),
	PROFILE("heap", "heap?", "what was allocated and is still in use"),
	PROFILE("allocs", "allocs?", "the same, all that was allocated first"),
	PROFILE("growth", "heap?mode=growth&", "who made memory grow, seen by page faults"),
	{"profiles/goroutine.pb.gz", "/debug/pprof/goroutine", BUNDLE_START, true, false, NULL,
	 "where every thread was, at the beginning"},
	{"threads.txt", "/debug/pprof/goroutine?debug=2", BUNDLE_START, true, false, NULL,
	 "the same as text: state, for how long, lock and owner"},
	{"deadlock.txt", "/debug/pprof/deadlock?format=text", BUNDLE_START, true, false, NULL,
	 "who waits for whom for ever, and who holds up others"},
	{"deadlock.json", "/debug/pprof/deadlock?format=json", BUNDLE_START, true, false, NULL,
	 "the same for programs"},
	{"cmdline", "/debug/pprof/cmdline", BUNDLE_START, true, false, NULL,
	 "command line, NUL between arguments"},
	{"buildids.txt", "/debug/buildids", BUNDLE_START, true, false, NULL,
	 "build ID and path of all that is mapped to be executed"},
	{"overhead.txt", "/debug/overhead", BUNDLE_MIDDLE, false, false, NULL,
	 "what was hooked in the middle of the bundle, and what it cost"},
	{"metrics.txt", "/metrics", BUNDLE_MIDDLE, false, false, NULL,
	 "the agent's own counters, as Prometheus reads them"},
	{"threads-after.txt", "/debug/pprof/goroutine?debug=2", BUNDLE_END, true, false, NULL,
	 "threads.txt at the end: what stands in both has not moved"},
	TOTAL("heap", heap),
	TOTAL("block", block),
	TOTAL("mutex", mutex),
	TOTAL("threadcreate", threadcreate),
};

_Static_assert(ARRAY_SIZE(parts) <= BUNDLE_PARTS_MAX, "a bit for each part");

const struct bundle_part *bundle_parts(size_t *n)
{
	*n = ARRAY_SIZE(parts);
	return parts;
}

uint32_t bundle_wanted(const struct armed_list *armed, const struct target *target)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct armed_spec spec = {.kind = parts[i].kind,
						.target = *target,
						.any_rate = true,
						.any_kernel = true};

		if (!parts[i].kind || armed_find(armed, &spec))
			bits |= 1u << i;
	}
	return bits;
}

void bundle_readme(const struct target *target, const char *prefix, int64_t seconds,
		   struct buf *out)
{
	char name[128];

	buf_puts(out, "A bundle of kpprofd " KPPROF_VERSION ": ");
	target_describe(target, name, sizeof(name));
	buf_printf(out, "%s, %" PRId64 " s", name, seconds);
	buf_puts(out, *prefix ? " (" : "");
	buf_printf(out, "%s", prefix);
	buf_puts(out, *prefix ? ")" : "");
	buf_puts(out,
		 ".\n\nAll profiles are of the same time. What could not be had is there as "
		 "NAME.error.txt, with the\nreason; status.txt, the last file, says so of each; "
		 "an archive without it is not whole.\n\n    go tool pprof -http "
		 "127.0.0.1:8079 profiles/cpu.pb.gz\n\n");
	buf_printf(out, "%-28s %s\n", "system.txt", "versions, load, memory, interrupts");
	buf_printf(out, "%-28s %s\n", "processes.txt", "all processes of the box");
	buf_printf(out, "%-28s %s\n", "dmesg.txt", "the end of the kernel's log");
	buf_printf(out, "%-28s %s\n", "maps.txt",
		   "status, limits and mappings of each process (not for the whole box)");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		buf_printf(out, "%-28s %s\n", parts[i].file, parts[i].about);
	buf_printf(out, "%-28s %s\n", "status.txt", "what is here, and what is not");
}
