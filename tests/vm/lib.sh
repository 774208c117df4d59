# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests in a guest share, over that of the functional tests: the module, and what the kernel itself says
# is hooked.
# shellcheck source=tests/func/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../func/lib.sh"

[ -n "${KPPROF_VM:-}" ] || skip "runs in a guest: tests/vm/run -- tests/vm/suite"
tools=$build/vm/tools
kpt=$tools/kpt
export PPROF_CONTROL=$((RANDOM + 100000))
# A kernel that judges the module (tests/vm/check-debug) is so many times slower than those that it is for. Figures in
# which that shows have wider bounds there; what is right or wrong at any speed has not.
slow=${KPPROF_SLOW:-1}

module_load()
{
	modprobe kpprof || die "the module does not load: $(dmesg | tail -n 3)"
}

# A client that is gone is cleaned up a moment later.
module_unload()
{
	wait_for 5 rmmod kpprof || bad "the module cannot be unloaded: $(rmmod kpprof 2>&1)"
}

# module_status KEY
module_status()
{
	"$kpt" status | sed -n "s/^$1=//p"
}

# Timers of perf's clock events: an armed CPU has one.
timers()
{
	grep -c perf_swevent_hrtimer /proc/timer_list || true
}

probes()
{
	"$root/tests/vm/static_key" sched_process_fork sched_process_exit sched_switch sched_waking
}

# Nothing of ours is hooked, as the module says and as the kernel says.
nothing_hooked()
{
	[ "$(timers)" = 0 ] && [ "$(probes | awk '{ sum += $2 } END { print sum }')" = "$probes_before" ] &&
		[ ! -s /sys/kernel/tracing/uprobe_events ] &&
		{ ! grep -q '^kpprof ' /proc/modules ||
			"$kpt" status | awk -F= '/^(counters|probes|uprobes|returns|arms|targets|threads)=/ { sum += $2 } END { exit sum != 0 }'; }
}

probes_before=$(probes | awk '{ sum += $2 } END { print sum }')

expect_nothing_hooked() # TEXT
{
	wait_for 5 nothing_hooked || {
		bad "$1: something is hooked"
		echo "timers $(timers), probes $(probes | tr '\n' ' ')"
		"$kpt" status 2>&1 | grep -E 'counters|probes|returns|arms|targets|threads' || true
	}
}

expect_module() # FILE
{
	profile_do comments "$1" >"$scratch/comments"
	expect_grep "the engine" ', module engine,' "$scratch/comments"
}
