/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/heap and allocs: who allocated, and what of it is still there. */
#ifndef KPPROF_HEAP_H
#define KPPROF_HEAP_H

#include "../heap/residence.h"
#include "../heap/watch.h"
#include "cumulative.h"

/*
 * Functions that only hand on what they allocate; `go tool pprof` leaves them out, and what they
 * call. Names are as linked or as it shows them.
 */
#define HEAP_DROP_FRAMES                                                                     \
	"malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|p?valloc|" \
	"__libc_(malloc|calloc|realloc|memalign)|operator (new|delete).*|_Zn[wa].*"

/**
 * struct heap - an armed heap profile
 * @live: bytes in use that were seen to be allocated
 * @residence: at the last flush
 * @first: when it was armed
 * @label_size: "bytes"
 */
struct heap {
	struct cumulative c;
	struct heap_watch watch;
	double live;
	struct residence residence;
	struct residence first;
	uint32_t label_size;
};

extern const struct cumulative_kind heap_profile;

/**
 * heap_serve() - answer with the allocations of a target
 * @name: "heap" or "allocs": the same with another default
 *
 * Takes what cumulative_serve() takes; ?raw=1 leaves out what was not seen to be allocated,
 * ?force=1 probes whatever it costs, ?mode=growth is growth_serve(). ?gc= is taken and means
 * nothing: there is no garbage.
 */
void heap_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		const char *name);

/** heap_keep() - for @keep of a view: with @filter 1, only what was seen to be allocated */
bool heap_keep(const struct cumulative *c, const struct profile_label *labels, size_t n,
	       uint64_t filter);

/** heap_size_label() - sizes that count together: exact up to 512 bytes, then within 1.6 % */
uint64_t heap_size_label(uint64_t size);

#endif /* KPPROF_HEAP_H */
