/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/heap and allocs: who allocated, and what of it is still there. */
#ifndef KPPROF_HEAP_H
#define KPPROF_HEAP_H

#include "../heap/watch.h"
#include "cumulative.h"
#include "heap_memory.h"
#include "page_watch.h"

/*
 * Functions that only hand on what they allocate; `go tool pprof` leaves them out, and what they
 * call. Names are as linked or as it shows them.
 */
#define HEAP_DROP_FRAMES                                                                     \
	"malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|p?valloc|" \
	"__libc_(malloc|calloc|realloc|memalign)|[mr]allocx|operator (new|delete).*|_Zn[wa].*"

/**
 * struct heap - an armed heap profile
 * @pages: where memory grows, when @watch does not follow what is live
 * @memory: what it is beside
 * @label_size: "bytes"
 */
struct heap {
	struct cumulative c;
	struct heap_watch watch;
	struct page_watch pages;
	struct heap_memory memory;
	uint32_t label_size;
};

extern const struct cumulative_kind heap_profile;

/**
 * heap_serve() - answer with the allocations of a target
 * @name: "heap" or "allocs": the same with another default
 *
 * Takes what cumulative_serve() takes; ?raw=1 leaves out what was not seen to be allocated,
 * ?force=1 probes whatever it costs, ?mode=growth is another profile, see growth.h. ?gc= is taken
 * and means nothing: there is no garbage.
 */
void heap_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		const char *name);

/** heap_size_label() - sizes that count together: exact up to 512 bytes, then within 1.6 % */
uint64_t heap_size_label(uint64_t size);

#endif /* KPPROF_HEAP_H */
