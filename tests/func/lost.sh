# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Profiles of an agent that stands still until all is over: most of what happens finds no room in the rings, and nothing
# comes behind it that could tell of that. What was sampled and what was lost must together be what there was.

# busy HZ: all CPUs from now on, so that there is a sample for each period of each; sets spinners.
busy()
{
	local cpu

	spinners=()
	use_fixture split_symbols
	for ((cpu = $(nproc); cpu > 0; cpu--)); do
		spawn "$fixture" 300
		spinners+=("$child")
	done
	# What is to be known of the program to walk its stacks is known: the answer does not wait for that.
	get "/debug/pprof/profile?seconds=1&hz=$1"
}

capture_runs()
{
	curl -s --max-time 20 "$url/metrics" | grep -q '^kpprof_captures{.*} 1$'
}

# lost_cpu HZ SECONDS: behind busy. Sets samples, those that were lost among them, lost, have, their time, and truth,
# that of the CPUs, both in ns.
lost_cpu()
{
	local profile=$scratch/cpu.pb.gz request

	get "/debug/pprof/profile?seconds=$2&hz=$1" &
	request=$!
	wait_for 30 capture_runs || die "no capture begins"
	kill -STOP "$agent"
	sleep "$2"
	kill -CONT "$agent"
	wait "$request"
	mv "$scratch/body" "$profile"
	expect_valid "$profile"
	end "${spinners[@]}"
	profile_do comments "$profile" >"$scratch/comments"
	truth=$(($(profile_stat duration "$profile") * $(nproc)))
	have=$(profile_stat total "$profile")
	samples=$(profile_stat samples "$profile")
	lost=$(profile_stat lost "$profile")
	note "cpu: $lost of $samples samples lost, together $(percent_of "$have" "$truth") % of the time"
}

# napper N: a program that sleeps for a moment some times when it is told to, N times when it is told again, writes how
# often it left a CPU for these, of its own accord and not, and sleeps on; sets child.
napper()
{
	rm -f "$scratch/go" "$scratch/naps"
	mkfifo "$scratch/go"
	# shellcheck disable=SC2016 # for the inner shell
	spawn sh -c 'exec python3 -c "
import resource, sys, time
used = lambda: resource.getrusage(resource.RUSAGE_SELF)
for naps in 100, int(sys.argv[1]):
    sys.stdin.readline()
    before = used()
    for _ in range(naps):
        time.sleep(1e-6)
after = used()
with open(sys.argv[2], \"w\") as out:
    print(after.ru_nvcsw - before.ru_nvcsw, after.ru_nivcsw - before.ru_nivcsw, file=out)
sys.stdin.readline()" "$1" "$2" <"$3"' sh "$1" "$scratch/naps" "$scratch/go"
	exec 6>"$scratch/go"
	wait_for 30 sh -c "[ \"\$(readlink /proc/$child/exe)\" != \"\$(readlink /proc/$$/exe)\" ] && grep -q '^State:.S' /proc/$child/status" ||
		die "the program does not begin"
}

# lost_waits KIND N: sets told, waits of the program's that are in the profile, lost, records that are not, and
# voluntary and forced, switches from a CPU as the kernel has counted them.
lost_waits()
{
	local profile=$scratch/$1.pb.gz request path

	napper "$2"
	path=/pid/$child/debug/pprof/$1?rate=0
	get "$path&window=0"
	expect_eq "status of $1" "$status" 200
	# This is answered when its stacks are walked: the rows for that are there.
	echo go >&6
	sleep 1
	get "$path"
	# Asked for before: another process would be a newer one, whose switches are recorded, and could tell.
	get "$path&seconds=2&wait=all" &
	request=$!
	sleep 0.5
	kill -STOP "$agent"
	echo go >&6
	wait_for 120 test -s "$scratch/naps" || die "no end"
	sleep 2
	kill -CONT "$agent"
	wait "$request"
	exec 6>&-
	end "$child"
	mv "$scratch/body" "$profile"
	expect_valid "$profile"
	profile_do comments "$profile" >"$scratch/comments"
	read -r voluntary forced <"$scratch/naps"
	lost=$(sed -n 's/^lost records: //p' "$scratch/comments")
	read -r told _ < <(profile_do sum "$profile" .)
	echo "$1: $voluntary waits, $forced times preempted; $told in the profile, $lost records lost"
}

percent_of()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f\n", b ? 100 * a / b : 0 }'
}
