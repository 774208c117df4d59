# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests of heap profiles share: profiles of programs that count their own allocations, beside the truth. Sourced
# behind lib.sh.

sites='site_(small|medium|large|cleared|resized|aligned|stored|new|leak|noise)'

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
