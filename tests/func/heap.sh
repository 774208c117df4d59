# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests of heap profiles share: profiles of programs that count their own allocations, beside the truth. Sourced
# behind lib.sh.

sites='site_(small|medium|large|cleared|resized|aligned|stored|new|leak|noise|refused)'

# heap_case NAME RATE COMMAND...: sets profile. Sampling has its error, and on a machine that is too busy records
# are lost: another try is allowed.
heap_case()
{
	local try

	for try in 1 2 3; do
		heap_try "$@"
		[ -s "$scratch/wrong" ] || return 0
		echo "$1, try $try: $(cat "$scratch/wrong")"
		[ "$try" = 3 ] || end "$child"
	done
	bad "$1: not like the truth in three tries"
}

# Leaves in $scratch/wrong what is not like the truth.
heap_try()
{
	local name=$1 rate=$2 truth=$scratch/$1.truth

	shift 2
	rm -f "$truth"
	profile=$scratch/$name.pb.gz
	spawn "$@" "$truth" 100
	sleep 0.3
	get "/pid/$child/debug/pprof/heap?window=0&force=1&rate=$rate"
	[ "$status" != 501 ] || skip "$(cat "$scratch/body")"
	expect_eq "$name: status" "$status" 200
	kill -USR1 "$child"
	wait_for 90 grep -q '^done' "$truth" || die "$name: no end"
	capture "/pid/$child/debug/pprof/heap" "$profile"
	profile_do by "$profile" "$sites" >"$scratch/$name.sums"
	profile_do comments "$profile" >"$scratch/comments"
	grep '^lost records: [^0]' "$scratch/comments" >"$scratch/wrong" || true
	compare "$name" "$rate" >"$scratch/verdicts"
	expect_grep "$name" 'ok$' "$scratch/verdicts"
	cat "$scratch/verdicts"
	grep 'WRONG' "$scratch/verdicts" >>"$scratch/wrong" || true
}

# What was measured, beside the truth: the error of sampling is allowed for three times over.
compare()
{
	awk -v rate="$2" -v name="$1" '
		FNR == 1 { file++ }
		file == 1 { for (i = 0; i < 4; i++) have[$1, i] = $(i + 2); next }
		NF == 5 {
			for (i = 1; i < 4; i += 2) {
				bytes = $(i + 2)
				n = $(i + 1)
				samples = n ? n * (1 - exp(-bytes / n / rate)) : 0
				got = have[$1, i] + 0
				allowed = samples >= 1 ? bytes * (0.05 + 3 / sqrt(samples)) : 200 * rate
				off = got - bytes
				if (off < 0)
					off = -off
				verdict = samples < 100 && samples >= 1 ? "(few samples)" : off > allowed ? "WRONG" : "ok"
				printf "%s %s %s: %d, in truth %d, %d samples: %s\n", name, $1,
					i == 1 ? "allocated" : "in use", got, bytes, samples, verdict
			}
		}' "$scratch/$1.sums" "$scratch/$1.truth"
}

# expect_adds_up PID FILE: the sum of all that is in use is what the kernel says of the process's anonymous memory.
expect_adds_up()
{
	local total anon

	total=$(profile_do by "$2" '.' | awk '{ sum += $5 } END { printf "%d\n", sum }')
	# status counts in batches for each CPU
	anon=$(($(awk '$1 == "Anonymous:" { print $2 }' "/proc/$1/smaps_rollup") * 1024))
	echo "in use in all: $total, anonymous memory in RAM: $anon"
	expect_range "in use, by the anonymous memory in RAM, percent" $((100 * total / anon)) 95 105
}

# The values of a line of $scratch/sums or of $scratch/truth.
values_of()
{
	sed -n "s/^$1 //p" "$2"
}

# leak_case SECONDS RATE PERCENT: a leak of 1 MB/s at one place under 50 000 allocations/s at another, for so many
# seconds of the program's clock: it is in use as the program counts it, within so many percent, and first. The program
# says which rates it came to; leaks them in $leak_rates, with $leak_behind, by how many percent it fell behind.
leak_case()
{
	local profile=$scratch/heap.pb.gz truth=$scratch/truth leaks bytes in_use noises noise leaked churned left seconds

	use_fixture alloc
	spawn "$fixture" "$truth" leak "$1"
	sleep 0.3
	get "/pid/$child/debug/pprof/heap?window=0&force=1&rate=$2"
	[ "$status" != 501 ] || skip "$(cat "$scratch/body")"
	expect_eq status "$status" 200
	kill -USR1 "$child"
	wait_for $(($1 * 15 + 30)) grep -q '^done' "$truth" || die "no end"
	capture "/pid/$child/debug/pprof/heap" "$profile"
	profile_do by "$profile" 'site_(leak|noise)' >"$scratch/sums"
	cat "$scratch/sums" "$truth"
	read -r leaks bytes _ in_use < <(values_of site_leak "$truth")
	read -r noises noise _ < <(values_of site_noise "$truth")
	read -r _ _ _ leaked < <(values_of site_leak "$scratch/sums")
	read -r _ churned _ left < <(values_of site_noise "$scratch/sums")
	seconds=$(values_of seconds "$truth")
	expect_eq "the fixture leaks all" "$bytes" "$in_use"
	expect_range "leak, percent of the truth" "$(percent_of "$leaked" "$in_use")" $((100 - $3)) $((100 + $3))
	expect_range "noise, percent of the truth" "$(percent_of "$churned" "$noise")" 90 110
	expect_range "noise in use, percent of the leak" "$(percent_of "$left" "$in_use")" 0 10
	expect_adds_up "$child" "$profile"
	pprof_top "$profile" -inuse_space >"$scratch/top"
	expect_grep "most is in use at" '^Type: inuse_space' "$scratch/top"
	awk '/flat%/ { getline; print $NF; exit }' "$scratch/top" >"$scratch/first"
	expect_grep "the first line" 'site_leak' "$scratch/first"
	leak_rates=$(awk -v s="$seconds" -v bytes="$bytes" -v noises="$noises" 'BEGIN {
		printf "%.3f MB/s under %.0f allocations/s for %.1f s", bytes / s / 1e6, noises / s, s }')
	leak_rates="$leak_rates: leak $(percent_of "$leaked" "$in_use") % of the truth, noise in use $(percent_of "$left" "$in_use") % of it"
	leak_behind=$(awk -v s="$seconds" -v n="$leaks" 'BEGIN { print 100 - n / s }')
}

# lost_case: the agent stands still while a program allocates, so that the end of what happens finds no room in the
# rings, and nothing comes behind it. That is said, and what was freed meanwhile is not in use.
lost_case()
{
	local profile=$scratch/heap.pb.gz truth=$scratch/truth have want

	use_fixture alloc
	spawn "$fixture" "$truth" 300
	sleep 0.3
	get "/pid/$child/debug/pprof/heap?window=0&force=1&rate=512"
	[ "$status" != 501 ] || skip "$(cat "$scratch/body")"
	expect_eq status "$status" 200
	kill -STOP "$agent"
	kill -USR1 "$child"
	wait_for 300 grep -q '^done' "$truth" || die "no end"
	kill -CONT "$agent"
	capture "/pid/$child/debug/pprof/heap?raw=1" "$profile"
	profile_do comments "$profile" >"$scratch/comments"
	# some 80 000 samples, each with an address and most with an end: few of them have room
	expect_range "lost records" "$(sed -n 's/^lost records: //p' "$scratch/comments")" 20000 1000000
	expect_grep "and what that means" '^records were lost' "$scratch/comments"
	want=$(awk '{ sum += $5 } END { printf "%d\n", sum }' "$truth")
	have=$(profile_do by "$profile" . | awk '{ sum += $5 } END { printf "%d\n", sum }')
	expect_range "in use, percent of the truth" "$(percent_of "$have" "$want")" 0 105
	note "$(grep '^lost records' "$scratch/comments"), in use $(percent_of "$have" "$want") % of the truth"
}

percent_of()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f\n", 100 * a / b }'
}
