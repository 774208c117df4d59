# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the demos share: nginx under load, processes that end with the script, and what go tool pprof says.
set -eu

seconds=5
pids=
work=$(mktemp -d "${TMPDIR:-/tmp}/kpprof-demo.XXXXXX")

# A process that ended and was not waited for yet is not alive.
alive()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	'' | Z* | X*) return 1 ;;
	esac
}

# Ends a process of ours; the shell knows it as a child until it was waited for, so the number is its own.
end()
{
	tries=50
	kill -TERM "$1" 2>/dev/null || return 0
	while alive "$1" && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	[ "$tries" -gt 0 ] || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

clean_up()
{
	trap - EXIT
	for pid in $pids; do
		end "$pid"
	done
	rm -rf "$work"
}

die()
{
	[ ! -t 1 ] || printf '\r'
	echo "demo: $*" >&2
	for log in "$work"/*.log; do
		[ -s "$log" ] || continue
		echo "--- the end of ${log##*/}" >&2
		tail -n 20 "$log" >&2
	done
	exit 1
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start NAME COMMAND...: in the background, with a log of its own; sets started.
start()
{
	log=$work/$1.log
	shift
	"$@" </dev/null >"$log" 2>&1 &
	started=$!
	pids="$started $pids"
}

# free_port PORT...: the first that nobody listens on.
free_port()
{
	taken=$(ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }')
	for port; do
		case "
$taken
" in
		*"
$port
"*) ;;
		*) echo "$port" && return 0 ;;
		esac
	done
	die "none of these ports is free: $*"
}

# until_answers URL PID NAME [SECONDS]: up to 5 seconds.
until_answers()
{
	tries=$((${4:-5} * 10))
	while ! curl -s -o /dev/null --max-time 1 "$1"; do
		alive "$2" || die "$3 ended at once"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "$3 does not answer at $1"
		sleep 0.1
	done
}

nginx_conf()
{
	cat <<-END
		daemon off;
		worker_processes 2;
		pid $work/nginx.pid;
		error_log $work/nginx-error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $work/body;
			proxy_temp_path $work/proxy;
			fastcgi_temp_path $work/fastcgi;
			uwsgi_temp_path $work/uwsgi;
			scgi_temp_path $work/scgi;
			keepalive_requests 1000000;
			server { listen 127.0.0.1:$1 reuseport; root $work/www; }
		}
	END
}

# One line that counts on a terminal, one line a second elsewhere.
progress()
{
	second=0
	while [ "$second" -le "$seconds" ] && alive "$1"; do
		if [ -t 1 ]; then
			printf '\rsampling nginx: %d of %d s ' "$second" "$seconds"
		else
			echo "sampling nginx: $second of $seconds s"
		fi
		second=$((second + 1))
		sleep 1
	done
	[ ! -t 1 ] || echo
}

# nginx_under_load SECONDS: two workers and their load; sets wrk.
nginx_under_load()
{
	nginx=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx) || die "nginx is not installed"
	mkdir "$work/www"
	seq 200 >"$work/www/numbers.txt"
	chmod 755 "$work" # the workers are not root
	web_port=$(free_port 8078 18078 28078)
	nginx_conf "$web_port" >"$work/nginx.conf"
	start nginx "$nginx" -e "$work/nginx-error.log" -p "$work" -c "$work/nginx.conf"
	until_answers "http://127.0.0.1:$web_port/numbers.txt" "$started" nginx
	start wrk wrk -t1 -c16 -d"$1s" "http://127.0.0.1:$web_port/numbers.txt"
	# shellcheck disable=SC2034 # for the demo
	wrk=$started
}

# take_profile URL FILE: with a line of progress.
take_profile()
{
	echo "\$ curl -o $2 '$1'"
	mkdir -p "${2%/*}"
	start curl curl -sS --fail-with-body --max-time $((seconds + 30)) -o "$work/profile" "$1"
	progress "$started"
	wait "$started" || die "no profile: $(head -c 300 "$work/profile" 2>/dev/null)"
	mv "$work/profile" "$2"
}

# show_profile URL FILE
show_profile()
{
	echo "\$ go tool pprof -top $2"
	export PPROF_TMPDIR="$work/pprof"
	cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kpprof
	GOCACHE=$cache/go go tool pprof -top -nodecount=22 "$2" >"$work/top" 2>"$work/pprof.log" ||
		die "go tool pprof cannot read it"
	cat "$work/top"
	# More than a header: functions with time.
	[ "$(grep -c '%.*%.*%' "$work/top")" -gt 5 ] || die "hardly a function in the profile"
	echo
	echo "The flame graph:  go tool pprof -http 127.0.0.1:8079 $2"
	echo "Or live, while the agent runs:  go tool pprof -http 127.0.0.1:8079 '$1'"
}
