// SPDX-License-Identifier: GPL-2.0-or-later
#include "privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/capability.h>

#include "cleanup.h"

enum { CAPS_MAX = 8 };

/* Capabilities, as numbers; @permitted has those of @effective, too. */
struct wanted {
	unsigned int effective[CAPS_MAX];
	size_t neffective;
	bool admin;
};

static bool is_known(unsigned int cap)
{
	return prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
}

static void want(struct wanted *w, unsigned int cap)
{
	w->effective[w->neffective++] = cap;
}

/* perf's rings are locked memory, of which an unprivileged process may have little. */
static bool rings_are_free(void)
{
	struct rlimit rl;

	return getrlimit(RLIMIT_MEMLOCK, &rl) == 0 && rl.rlim_cur == RLIM_INFINITY;
}

/* Before 5.11 the maps of BPF programs count as locked memory, and no capability changes that. */
static void free_rings(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &all);
}

static struct wanted what_is_needed(bool module)
{
	struct wanted w = {.admin = true};

	free_rings();
	want(&w, CAP_SYS_PTRACE);
	want(&w, CAP_DAC_READ_SEARCH);
	want(&w, CAP_SYSLOG);
	if (module)
		want(&w, CAP_NET_ADMIN);
	if (!rings_are_free())
		want(&w, CAP_IPC_LOCK);
	/* Programs at the probes of allocators. */
	if (is_known(CAP_BPF))
		want(&w, CAP_BPF);
	if (is_known(CAP_PERFMON) && is_known(CAP_CHECKPOINT_RESTORE)) {
		want(&w, CAP_PERFMON);
		want(&w, CAP_CHECKPOINT_RESTORE);
	} else {
		want(&w, CAP_SYS_ADMIN);
	}
	return w;
}

static bool is_wanted(const struct wanted *w, unsigned int cap, bool effective)
{
	for (size_t i = 0; i < w->neffective; i++)
		if (w->effective[i] == cap)
			return true;
	return !effective && w->admin && cap == CAP_SYS_ADMIN;
}

/* Of what is there already: nothing is asked for that was not given. */
static void choose(const struct wanted *w)
{
	bool had[CAP_LAST_CAP + 1];

	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		had[cap] = capng_have_capability(CAPNG_PERMITTED, cap);
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!had[cap] || !is_wanted(w, cap, false))
			continue;
		capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_BOUNDING_SET, cap);
		if (is_wanted(w, cap, true))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, cap);
	}
}

/* Asks the kernel what there is now. */
static int verify(const struct wanted *w, bool bounded)
{
	if (capng_get_caps_process())
		return -EIO;
	for (unsigned int cap = 0; is_known(cap); cap++) {
		if ((capng_have_capability(CAPNG_EFFECTIVE, cap) && !is_wanted(w, cap, true)) ||
		    (capng_have_capability(CAPNG_PERMITTED, cap) && !is_wanted(w, cap, false)) ||
		    capng_have_capability(CAPNG_INHERITABLE, cap) ||
		    (bounded && !is_wanted(w, cap, false) &&
		     prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1))
			return -EPERM;
	}
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

static int apply(const struct wanted *w)
{
	bool bounded;

	if (capng_get_caps_process())
		return -EIO;
	bounded = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	choose(w);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* The bounding set first, which CAP_SETPCAP is needed for. */
	if ((bounded && capng_apply(CAPNG_SELECT_BOUNDS)) || capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return verify(w, bounded);
}

int privilege_drop(bool module, gid_t group)
{
	const struct wanted w = what_is_needed(module);

	/* A file may be given to a group that one is in. */
	if (geteuid() == 0 && setgroups(group ? 1 : 0, &group) < 0 && errno != EPERM)
		return -errno;
	return apply(&w);
}

int privilege_drop_all(void)
{
	const struct wanted none = {0};

	return apply(&none);
}

/*
 * libcap-ng knows what this thread has since it last asked or set it, and nobody else sets it: to
 * ask again is a hundred system calls, and perf events are opened by the dozen.
 */
static int set_admin(bool on)
{
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN) ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) == (on ? 1 : 0))
		return -ENODATA;
	capng_update(on ? CAPNG_ADD : CAPNG_DROP, CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

bool privilege_raise(void)
{
	return set_admin(true) == 0;
}

void privilege_lower(const bool *raised)
{
	int err = errno;

	if (*raised)
		set_admin(false);
	errno = err;
}

void privilege_describe(char *out, size_t size)
{
	size_t at = 0;

	*out = '\0';
	if (capng_get_caps_process())
		return;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		const char *name = capng_capability_to_name(cap);

		if (!capng_have_capability(CAPNG_EFFECTIVE, cap) || !name || at >= size)
			continue;
		at += (size_t)snprintf(out + at, size - at, "%s%s", at ? " " : "", name);
	}
}
