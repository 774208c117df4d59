/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup guards: what a function owns is declared with how it is given back. */
#ifndef KPPROF_CLEANUP_H
#define KPPROF_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* Frees a malloc()ed pointer when it goes out of scope. */
#define _cleanup_free_ __attribute__((__cleanup__(cleanup_free_)))
/* Closes a descriptor, unless it is negative. */
#define _cleanup_close_ __attribute__((__cleanup__(cleanup_close_)))
/* Closes a stream, unless it is NULL. */
#define _cleanup_fclose_ __attribute__((__cleanup__(cleanup_fclose_)))
/* Any other guard: the function gets a pointer to the variable. */
#define _cleanup_(f) __attribute__((__cleanup__(f)))

/* Hands the value over to the caller and leaves nothing for the guard. */
#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define take_fd(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#endif /* KPPROF_CLEANUP_H */
