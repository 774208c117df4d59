# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What functional tests share: the agent, targets, profiles, expectations. A test sources this file, which
# gives it $scratch and a trap that ends everything the test started, by process ID.
#
# Expectations do not stop a test: each that fails is printed, and the test fails when it ends.
set -eEu -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build
agent_binary=${KPPROFD:-$build/kpprofd}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kpprof-test.XXXXXX")
failures=0
started=() # processes of this test, to be ended
agent=     # the agent's process
url=       # where it answers
child=     # what spawn() started last

unset PPROF_ADDR PPROF_TARGET PPROF_ENGINE http_proxy HTTP_PROXY
export PPROF_LOG=stderr # and not the machine's syslog
# Tests run beside each other: each has its own port for kpprofctl.
export PPROF_CONTROL=$((RANDOM + 100000))
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kpprof
export GOCACHE=$cache/go GOPATH=$cache/gopath GOPROXY=off GOFLAGS=-mod=mod GOTELEMETRY=off
export PPROF_TMPDIR=$scratch/pprof PPROF_BINARY_PATH=$scratch/no-binaries
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
mkdir -p "$GOCACHE" "$PPROF_TMPDIR"

# ---- ends

bad()
{
	echo "FAILED: $*" >&2
	failures=$((failures + 1))
}

die()
{
	bad "$*"
	exit 1
}

skip()
{
	echo "skip: $*"
	exit 77
}

# Shown by the runner behind the test's name.
note()
{
	echo "note: $*"
}

# proc_stat PID: "STATE PPID PGID" of /proc/PID/stat; ps reads so much more that it takes seconds in a guest.
proc_stat()
{
	local line

	# the name in front may hold anything: parentheses, line ends
	line=$(tr '\n' ' ' 2>/dev/null <"/proc/$1/stat") || return 1
	line=${line##*) }
	read -r -a line <<<"$line"
	echo "${line[@]:0:3}"
}

# Lines "PID STATE PPID PGID", one a process; some end meanwhile.
all_stats()
{
	{ grep -as '' /proc/[0-9]*/stat || true; } | LC_ALL=C awk '
		{
			file = substr($0, 1, index($0, ":") - 1)
			text[file] = text[file] " " substr($0, length(file) + 2)
		}
		END {
			for (file in text) {
				split(file, part, "/")
				sub(/.*\) /, "", text[file])
				split(text[file], field, " ")
				print part[3], field[1], field[2], field[3]
			}
		}'
}

alive()
{
	# a zombie is not alive
	[[ $(proc_stat "$1") == [^ZX]* ]]
}

# wait_for SECONDS COMMAND...: until the command succeeds. On a slow kernel seconds are longer.
wait_for()
{
	local tries=$(($1 * 20 * ${KPPROF_SLOW:-1}))

	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

gone()
{
	! alive "$1"
}

# Whether it is still a process of this test: the number may belong to somebody else by now.
ours()
{
	[[ $(proc_stat "$1") == ?" $$ "* ]]
}

# The children of these processes, theirs, and so on.
descendants()
{
	all_stats | awk -v roots="$*" '
		BEGIN { n = split(roots, queue) }
		{ children[$3] = children[$3] " " $1 }
		END {
			for (i = 1; i <= n; i++) {
				m = split(children[queue[i]], more)
				for (k = 1; k <= m; k++) {
					print more[k]
					queue[++n] = more[k]
				}
			}
		}'
}

# Whether nothing but zombies is left of the process and of the group that it leads.
group_gone()
{
	! all_stats | awk -v id="$1" '($1 == id || $4 == id) && $2 !~ /[ZX]/ { found = 1 } END { exit !found }'
}

# Ends processes of this test, each with its group and its children: a shell's loop leaves its current command.
end()
{
	local pid below

	for pid; do
		ours "$pid" || continue
		mapfile -t below < <(descendants "$pid")
		kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || true
		if ! wait_for 5 group_gone "$pid"; then
			kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
		fi
		wait "$pid" 2>/dev/null || true
		[ ${#below[@]} -eq 0 ] || kill -TERM "${below[@]}" 2>/dev/null || true
	done
}

clean_up()
{
	local status=$? i

	trap - EXIT
	set +e
	for ((i = ${#started[@]} - 1; i >= 0; i--)); do
		end "${started[i]}"
	done
	if [ "$failures" -gt 0 ] && [ -s "$scratch/agent.log" ]; then
		echo "the agent's log ends:"
		tail -n 15 "$scratch/agent.log"
	fi
	rm -rf "$scratch"
	[ "$failures" -eq 0 ] || status=1
	exit "$status"
}

trap clean_up EXIT
trap '[ "$BASH_SUBSHELL" -gt 0 ] || echo "stopped: ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'exit 143' TERM HUP
trap 'exit 130' INT

need()
{
	local command

	for command; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

[ "$(id -u)" -eq 0 ] || skip "sampling other users' processes needs root"

# ---- expectations: the text says what is looked at

expect_eq() # TEXT HAVE WANT
{
	[ "$2" = "$3" ] || bad "$1: '$2' instead of '$3'"
}

expect_range() # TEXT VALUE LOW HIGH
{
	awk -v v="$2" -v lo="$3" -v hi="$4" 'BEGIN { exit !(v ~ /^-?[0-9.]+$/ && v + 0 >= lo + 0 && v + 0 <= hi + 0) }' ||
		bad "$1: '$2' is not in $3..$4"
}

expect_grep() # TEXT PATTERN FILE
{
	grep -qE -e "$2" "$3" || {
		bad "$1: no match for /$2/ in:"
		head -n 30 "$3" | cut -c 1-300
	}
}

expect_no_grep() # TEXT PATTERN FILE
{
	! grep -E -e "$2" "$3" || bad "$1: matches of /$2/ above"
}

# ---- processes

# spawn COMMAND...: in the background, leading a group of its own, output to $scratch/spawn.log; sets child.
spawn()
{
	set -m
	"$@" </dev/null >>"$scratch/spawn.log" 2>&1 &
	child=$!
	set +m
	started+=("$child")
}

# A port of loopback that nobody listens on, below those that the kernel hands out.
free_port()
{
	local port

	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# A process and all that descend from it.
family()
{
	echo "$1"
	descendants "$1"
}

# Resident KiB of a process and its descendants; pages that they share count once for each.
rss_kb()
{
	family "$1" | while read -r pid; do
		sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || true # it may be gone
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

fd_count()
{
	{ find "/proc/$1/fd" -mindepth 1 2>/dev/null || true; } | wc -l # one may be closed meanwhile
}

perf_event_count()
{
	{ find "/proc/$1/fd" -mindepth 1 -lname "*perf_event*" 2>/dev/null || true; } | wc -l
}

# ---- the agent

answers()
{
	curl -s -o /dev/null --max-time 2 "$1"
}

# agent_start [VARIABLE=VALUE...]: on a free port of loopback; sets agent and url.
agent_start()
{
	local port try

	[ -x "$agent_binary" ] || die "$agent_binary is not built"
	# the sanitizers' own memory is not the agent's
	case $agent_binary in
	*/san/*) set -- PPROF_MEMORY_MB=1024 "$@" ;;
	esac
	for try in 1 2 3; do
		port=$(free_port)
		url=http://127.0.0.1:$port
		env PPROF_ADDR="127.0.0.1:$port" "$@" "$agent_binary" >>"$scratch/agent.log" 2>&1 </dev/null &
		agent=$!
		started+=("$agent")
		wait_for 10 agent_settled && alive "$agent" && return 0
		echo "attempt $try: the agent does not listen on $port"
	done
	die "the agent does not start"
}

agent_settled()
{
	! alive "$agent" || answers "$url/pid/$agent/debug/pprof/cmdline"
}

# An orderly end: status 0 on SIGTERM, no helper left, nothing from a sanitizer.
agent_stop()
{
	local pids status=0 pid

	mapfile -t pids < <(family "$agent")
	kill -TERM "$agent" || bad "the agent is gone already"
	wait_for 10 gone "$agent" || bad "the agent does not end on SIGTERM"
	wait "$agent" || status=$?
	expect_eq "the agent's exit status" "$status" 0
	for pid in "${pids[@]}"; do
		wait_for 2 gone "$pid" || bad "the agent's process $pid is still there"
	done
	agent_check_log
	agent=
}

agent_check_log()
{
	# that a thread ended while LeakSanitizer looked for it is no finding
	grep -vE '^==[0-9]+==Unable to get registers from thread' "$scratch/agent.log" >"$scratch/agent.check" || true
	expect_no_grep "the agent's log" 'Sanitizer|runtime error:|^==[0-9]+==' "$scratch/agent.check"
}

# ---- requests

# get PATH [CURL-OPTION...]: sets status; body and head are in $scratch/body and $scratch/head.
get()
{
	local path=$1

	shift
	status=$(curl -s --max-time 90 -o "$scratch/body" -D "$scratch/head" -w '%{http_code}' "$@" "$url$path") ||
		true
}

# capture PATH FILE: a profile, which must keep the rules of the format.
capture()
{
	local path=$1 file=$2

	get "$path"
	expect_eq "status of $path" "$status" 200
	if [ "$status" != 200 ]; then
		head -c 500 "$scratch/body"
		die "no profile to look at"
	fi
	mv "$scratch/body" "$file"
	expect_valid "$file"
}

expect_valid()
{
	"$root/tests/lib/pprof.py" check "$1" >"$scratch/check" 2>&1 || {
		bad "$1 breaks the rules:"
		tail -n 12 "$scratch/check"
	}
}

pprof()
{
	# remote: not from files, which happen to be here; and names are demangled, as "none" would not do
	go tool pprof -symbolize=remote "$@" 2>"$scratch/pprof.log" || {
		bad "go tool pprof $*: $(head -n 5 "$scratch/pprof.log")"
		return 1
	}
}

# pprof_top URL|FILE [OPTION...]
pprof_top()
{
	local source=$1

	shift
	pprof "$@" -top -nodecount=60 "$source"
}

# pprof_raw [-l KEY=VALUE] FILE: one line a sample, see tests/lib/pprof.py.
pprof_raw()
{
	profile_do raw "$@"
}

# profile_do COMMAND [-l KEY=VALUE]... FILE [ARGUMENT...]
profile_do()
{
	local command=$1 labels=()

	shift
	while [ "$1" = -l ]; do
		labels+=(-l "$2")
		shift 2
	done
	"$root/tests/lib/pprof.py" "${labels[@]}" "$command" "$@"
}

# profile_stat KEY [-l KEY=VALUE]... FILE
profile_stat()
{
	local key=$1

	shift
	profile_do stat "$@" | sed -n "s/^$key=//p"
}

# expect_complete FILE PERCENT: so many of the user samples reach the outermost frame of their thread.
expect_complete()
{
	local user complete percent

	user=$(profile_stat user "$1")
	complete=$(profile_stat complete "$1")
	percent=$(awk -v a="$complete" -v b="$user" 'BEGIN { print b ? 100 * a / b : 0 }')
	echo "$1: $complete of $user user samples reach the outermost frame"
	awk -v have="$percent" -v want="$2" 'BEGIN { exit !(have >= want) }' || {
		bad "only $percent % of the user stacks are whole; by count:"
		profile_do broken "$1" | cut -c 1-400
	}
}

# ---- targets

# use_fixture NAME: a program of tests/fixtures, compiled when needed; sets fixture to its path.
use_fixture()
{
	mkdir -p "$build/fixtures"
	# tests run beside each other
	flock "$build/fixtures" "$root/tests/fixtures/build" "$build/fixtures" >"$scratch/fixture.log" 2>&1 || {
		cat "$scratch/fixture.log"
		die "the fixtures do not build"
	}
	fixture=$build/fixtures/$1
	[ -e "$fixture" ] || die "no fixture $1"
}

# nginx_start: two workers on a free port; sets nginx and nginx_url.
nginx_start()
{
	local port

	need nginx wrk
	port=$(free_port)
	mkdir -p "$scratch/nginx"
	head -c 16384 /dev/zero | tr '\0' k >"$scratch/nginx/file"
	sed "s,@DIR@,$scratch/nginx,g; s,@PORT@,$port,g" "$root/tests/func/nginx.conf" >"$scratch/nginx/conf"
	chmod 755 "$scratch" # the workers are not root
	spawn nginx -p "$scratch/nginx" -c "$scratch/nginx/conf"
	# shellcheck disable=SC2034 # for the tests
	nginx=$child nginx_url=http://127.0.0.1:$port
	wait_for 5 answers "$nginx_url/file" || die "nginx does not answer: $(cat "$scratch/nginx/error.log")"
}

# nginx_load SECONDS: makes it busy, in the background.
nginx_load()
{
	spawn wrk -t1 -c16 -d"$1s" "$nginx_url/file"
}
