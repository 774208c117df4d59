# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Heaps of real programs that grow while they are watched: python3 with three allocators, nginx with many connections
# and BIND's cache (which calls jemalloc's own functions). Each knows how much that is. Sourced behind heap.sh, by a test
# that has expect_probed PID and expect_followed NAME FILE for what its engine shows.

rate=4096
libraries=/usr/lib/$(uname -m)-linux-gnu

# ---- what is asked of each

# begin_heap PID: what it has from now on is seen to be allocated.
begin_heap()
{
	pid=$1
	get "/pid/$pid/debug/pprof/heap?window=0&force=1&rate=$rate"
	[ "$status" != 501 ] || skip "$(cat "$scratch/body")"
	capture "/pid/$pid/debug/pprof/heap" "$scratch/before.pb.gz"
	expect_probed "$pid"
}

# Bytes in use of a profile by names that match.
in_use()
{
	profile_do sum "$1" "$2" | cut -d' ' -f4
}

# expect_known NAME HAVE TRUTH: within 5 % and three times the error of sampling. What was lost is not there.
expect_known()
{
	local percent

	if [ "$lost" != 0 ]; then
		echo "$1: $2, in truth $3, and $lost records were lost"
		return
	fi
	percent=$(awk -v n=$(($3 / rate)) 'BEGIN { printf "%.1f\n", 5 + 300 / sqrt(n) }')
	echo "$1: $2, in truth $3"
	expect_range "$1, percent of the truth" "$(percent_of "$2" "$3")" \
		"$(awk -v p="$percent" 'BEGIN { print 100 - p }')" "$(awk -v p="$percent" 'BEGIN { print 100 + p }')"
	results="$results $1 $(percent_of "$2" "$3") %,"
}

# What is counted exactly is what the samples stand for.
expect_unbiased()
{
	local allocated counted

	counted=$(sed -n 's/^all calls[^:]*: .* allocations of \([0-9]*\) bytes, .*/\1/p' "$scratch/comments")
	allocated=$(profile_do by "$2" '.' | awk '{ sum += $3 } END { printf "%d\n", sum }')
	expect_known "$1: allocated" "$allocated" "$counted"
}

# expect_grown NAME SITE WRAPPERS: in $profile and $raw; what grew most since $before is SITE, which calls the program's
# wrappers of malloc, or static functions that have no name in a stripped program.
expect_grown()
{
	profile=$scratch/$1.pb.gz raw=$scratch/$1.raw.pb.gz
	capture "/pid/$pid/debug/pprof/heap" "$profile"
	expect_adds_up "$pid" "$profile"
	capture "/pid/$pid/debug/pprof/heap?raw=1" "$raw"
	profile_do comments "$profile" >"$scratch/comments"
	lost=$(sed -n 's/^lost records: //p' "$scratch/comments")
	expect_followed "$1" "$profile"
	pprof_top "$profile" -hide="^($3)\$|\+0x[0-9a-f]+\$|^\[heap before capture\]\$" -diff_base "$scratch/before.pb.gz" >"$scratch/top"
	awk '/flat%/ { getline; print $NF; exit }' "$scratch/top" >"$scratch/first"
	expect_grep "$1: what grew most" "^($2)\$" "$scratch/first"
	sed -n '/flat%/,$ { p }' "$scratch/top" | head -n 6
}

# ---- the programs

# told COMMAND...: reads from descriptor 7 until that is closed; writes to $scratch/truth; sets child.
told()
{
	rm -f "$scratch/in" "$scratch/truth"
	mkfifo "$scratch/in"
	"$@" <"$scratch/in" >"$scratch/truth" &
	child=$!
	started+=("$child")
	exec 7>"$scratch/in"
}

# python_case NAME [LIBRARY]
python_case()
{
	local known

	told env PYTHONMALLOC=malloc ${2:+LD_PRELOAD="$libraries/$2"} \
		/usr/bin/python3 "$root/tests/lib/keeper.py" 16000000
	wait_for 60 grep -q '^0 ' "/proc/$child/syscall" || die "python does not begin"
	begin_heap "$child"
	echo >&7
	wait_for 300 grep -q '^done' "$scratch/truth" || die "$1: no end"
	expect_grown "$1" '_?Py.*' 'Py(Object|Mem)_.*|_PyMem_.*'
	expect_unbiased "$1" "$raw"
	cat "$scratch/truth"
	known=$(in_use "$raw" .)
	expect_known "$1: in use" "$known" "$(values_of kept "$scratch/truth")"
	[ -n "${2:-}" ] || expect_known "$1: mallinfo2" "$known" "$(values_of allocator "$scratch/truth")"
	exec 7>&-
	end "$child"
}

nginx_config()
{
	cat <<-END
		daemon off;
		worker_processes 1;
		worker_rlimit_nofile 8192;
		pid $1/pid;
		error_log $1/error.log;
		events { worker_connections 4096; }
		http {
			access_log off;
			client_body_temp_path $1/body; proxy_temp_path $1/proxy;
			fastcgi_temp_path $1/fastcgi; uwsgi_temp_path $1/uwsgi; scgi_temp_path $1/scgi;
			client_header_timeout 600;
			connection_pool_size 1k; client_header_buffer_size 4k; request_pool_size 8k;
			server { listen 127.0.0.1:$2; root $1; }
		}
	END
}

# A connection that waits for the end of its request has two pools and a buffer, as big as it was told.
nginx_case()
{
	local dir=$scratch/nginx port connections=1500

	need nginx
	port=$(free_port)
	mkdir -p "$dir"
	chmod 755 "$scratch"
	nginx_config "$dir" "$port" >"$dir/conf"
	spawn nginx -p "$dir" -c "$dir/conf"
	nginx=$child
	wait_for 30 answers "http://127.0.0.1:$port/" || die "nginx does not answer: $(cat "$dir/error.log")"
	begin_heap "$(descendants "$nginx" | head -n 1)"
	told "$root/tests/lib/hold_connections.py" "$port" "$connections"
	wait_for 300 grep -q ready "$scratch/truth" || die "the connections are not there"
	# it reads the last one
	sleep 3
	expect_grown nginx ngx_http_create_request 'ngx_(alloc|calloc|memalign|palloc|pnalloc|pcalloc|create_pool)'
	expect_known "nginx: pools of connections" "$(in_use "$raw" '^ngx_event_accept$')" $((connections * 1024))
	expect_known "nginx: in use" "$(in_use "$raw" '^ngx_')" $((connections * (1024 + 4096 + 8192)))
	expect_known "nginx: requests" "$(in_use "$raw" '^ngx_http_create_request$')" $((connections * 8192))
	exec 7>&-
	end "$child" "$nginx"
}

named_config()
{
	cat <<-END
		options {
			directory "$1"; managed-keys-directory "$1";
			listen-on port $2 { 127.0.0.1; }; listen-on-v6 { none; };
			pid-file none; session-keyfile none; lock-file none;
			recursion yes; dnssec-validation no; qname-minimization off; empty-zones-enable no;
			forward only; forwarders { 127.0.0.1 port $3; };
			max-cache-size 200M;
		};
		controls { };
		statistics-channels { inet 127.0.0.1 port $4 allow { 127.0.0.1; }; };
	END
}

# What it says to have in use, in all of its memory contexts.
named_in_use()
{
	curl -s --max-time 60 "http://127.0.0.1:$1/json/v1/mem" | jq .memory.InUse
}

named_case()
{
	local dir=$scratch/named port answers statistics before after

	need named jq
	port=$(free_port) answers=$(free_port) statistics=$(free_port)
	mkdir -p "$dir"
	named_config "$dir" "$port" "$answers" "$statistics" >"$dir/conf"
	spawn "$root/tests/lib/dns.py" answer "$answers"
	spawn named -g -n 1 -c "$dir/conf"
	wait_for 120 named_in_use "$statistics" || die "named does not answer: $(tail -n 3 "$scratch/spawn.log")"
	"$root/tests/lib/dns.py" ask "$port" 0 100 >"$scratch/asked"
	begin_heap "$child"
	before=$(named_in_use "$statistics")
	timeout 600 "$root/tests/lib/dns.py" ask "$port" 1000 4000 >"$scratch/asked" || die "named does not go on"
	expect_eq "answers of named" "$(cat "$scratch/asked")" 4000
	after=$(named_in_use "$statistics")
	expect_grown named 'dns_.*' 'isc_.*'
	expect_unbiased named "$raw"
	expect_grep "jemalloc" 'allocator: .*/libjemalloc' "$scratch/comments"
	expect_known "named: in use" "$(in_use "$raw" .)" $((after - before))
	end "$child"
}

# real_cases [NAME...]: python, jemalloc, tcmalloc, nginx, named; sets results.
real_cases()
{
	local case from

	results=
	for case; do
		from=$SECONDS
		case $case in
		python) python_case python ;;
		jemalloc) python_case jemalloc libjemalloc.so.2 ;;
		tcmalloc) python_case tcmalloc libtcmalloc_minimal.so.4 ;;
		nginx) nginx_case ;;
		named) named_case ;;
		*) die "no case $case" ;;
		esac
		echo "$case: $((SECONDS - from)) s"
	done
	results=${results# }
	results=${results%,}
}
