# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Over watch.sh: a program that begins when it reads a line, and knows its own waits, watched through the agent.
# shellcheck source=tests/vm/watch.sh
. "$(dirname "${BASH_SOURCE[0]}")/watch.sh"

ctl=$build/kpprofctl

# known_start PROGRAM [ARG...]: sets child and path; its account will be in $scratch/truth.
known_start()
{
	rm -f "$scratch/in"
	mkfifo "$scratch/in"
	exec 7<>"$scratch/in"
	"$@" <"$scratch/in" >"$scratch/truth" 7>&- &
	child=$!
	started+=("$child")
	path=/pid/$child/debug/pprof
	# it reads
	wait_for 30 grep -q '^0 ' "/proc/$child/syscall" || die "$1 does not begin"
}

# known_arm KIND [OPTION...]
known_arm()
{
	"$ctl" arm "$1" --pid "$child" "${@:2}" || die "$1 cannot be armed"
}

# known_go PATTERN: it works, until its account has that
known_go()
{
	echo go >&7
	wait_for 300 grep -q "$1" "$scratch/truth" || die "the program does not end"
}

known_end()
{
	end "$child"
	exec 7>&-
}

# known_capture PATH FILE: a profile by the module; its samples are in $scratch/raw.
known_capture()
{
	capture "$path/$1" "$2"
	expect_module "$2"
	expect_grep "nothing lost" '^lost records: 0$' "$scratch/comments"
	pprof_raw "$2" >"$scratch/raw"
}
