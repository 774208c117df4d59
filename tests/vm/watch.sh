# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests of watches share: a program that knows how it waits (waits.c), watched by kpt, its events as tracefs
# prints them. No agent has a part in it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tracefs=/sys/kernel/tracing
waits=$tools/waits
# Where time is counted in instructions (tests/vm/run -i) it is exact. Elsewhere the guest stands still now and then
# without knowing, and most often where a thread is between waiting and running.
percent=60
[ "$(nproc)" -gt 1 ] || percent=2

mountpoint -q "$tracefs" || mount -t tracefs none "$tracefs"

# watched WHAT RATE ARG...: runs waits with these arguments, and watches it from before it begins to work until it
# has; its own account is in $scratch/truth, what was told in $scratch/told.
watched()
{
	local what=$1 rate=$2 watcher

	shift 2
	rm -f "$scratch/in"
	mkfifo "$scratch/in"
	"$waits" "$@" <"$scratch/in" >"$scratch/truth" &
	child=$!
	started+=("$child")
	exec 7>"$scratch/in"
	wait_for 20 grep -q ready "$scratch/truth" || die "waits $* does not begin"
	"$kpt" watch "$what" "$rate" "$child" 200 >"$scratch/armed" 7>&- &
	watcher=$!
	started+=("$watcher")
	wait_for 20 grep -q armed "$scratch/armed" || die "kpt does not watch"
	echo 0 >"$tracefs/trace"
	echo 1 >"$tracefs/events/kpprof/kpprof_sched/enable"
	echo go >&7
	wait_for 100 grep -q 'done' "$scratch/truth" || die "waits $* does not end"
	"$kpt" waits >"$scratch/open"
	"$kpt" status >"$scratch/status"
	exec 7>&-
	wait_for 20 gone "$child"
	echo 0 >"$tracefs/events/kpprof/kpprof_sched/enable"
	grep kpprof_sched: "$tracefs/trace" >"$scratch/told" || true
	expect_no_grep "dropped" '^sched_dropped=[1-9]' "$scratch/status"
	end "$watcher"
}

# told COMM FIELD [PATTERN]: sum of a field over the events of threads of that name that match.
told()
{
	awk -v comm="$1" -v field="$2" -v pattern="${3:-.}" '
	{
		name = $1
		sub(/-[0-9]+$/, "", name)
		if (name != comm || $0 !~ pattern)
			next
		for (i = 1; i <= NF; i++)
			if (split($i, pair, "=") == 2 && pair[1] == field)
				sum += pair[2]
	}
	END { printf "%.0f\n", sum }' "$scratch/told"
}

# truth NAME COLUMN
truth()
{
	awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$scratch/truth"
}

# expect_near TEXT VALUE WANT PERCENT
expect_near()
{
	expect_range "$1, $3" "$2" $(($3 - $3 * $4 / 100)) $(($3 + $3 * $4 / 100))
}

module_load_for_tests()
{
	modprobe kpprof "budget=${1:-1000}" || die "the module does not load: $(dmesg | tail -n 3)"
	echo 8192 >"$tracefs/buffer_size_kb"
}
