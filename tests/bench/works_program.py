# SPDX-License-Identifier: GPL-2.0-or-later
"""Works of one program each: the CPU, context switches, the heap, threads."""
import os
import re
import tempfile

from pairs import (BUILD, HEAD, SECONDS, Command, Program, Request, build_images, code_is_changed, compare, have, per_cpu_second,
                   perf_clock, perf_record, profile_of, run)

PROFILER = "/usr/lib/x86_64-linux-gnu/libprofiler.so.0"
TCMALLOC = "/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4"
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"


def cpu(agent):
    """A stack of 30 frames without frame pointers; the work a second of its own CPU time."""
    arguments = (BUILD / "deep", SECONDS * 7000)
    program = Program(*arguments, measure=per_cpu_second)
    yield HEAD
    yield compare("nothing", program, None)
    for hz in (99, 999):
        yield compare(f"kpprofd, {hz} Hz", program, profile_of(agent, f"hz={hz}"))
        for kind in ("fp", "dwarf"):
            yield compare(f"perf record, {kind}, {hz} Hz", program, perf_clock(hz, kind))
        if have("profile-bpfcc"):
            yield compare(f"bcc profile, {hz} Hz", program,
                          Command("profile-bpfcc", "-p", "{pid}", "-F", str(hz), "-f", "600", wait=5))
        if have(PROFILER):
            with tempfile.TemporaryDirectory() as tmp:
                env = dict(os.environ, LD_PRELOAD=PROFILER, CPUPROFILE=f"{tmp}/prof", CPUPROFILE_FREQUENCY=str(hz))
                inside = Program(*arguments, measure=per_cpu_second, env=env)
                yield compare(f"gperftools in the program, {hz} Hz", program, None, inside)


BPFTRACE_OFF_CPU = """
tracepoint:sched:sched_switch {
    if (args->prev_state != 0) { @s[args->prev_pid] = nsecs; @k[args->prev_pid] = ustack; }
    $n = args->next_pid;
    if (@s[$n]) { @off[@k[$n]] = sum(nsecs - @s[$n]); delete(@s[$n]); }
}"""


def switches(agent):
    """Two threads on one CPU that hand a byte to and fro; rounds a second."""
    program = Program(BUILD / "pingpong", SECONDS * 1000,
                      measure=lambda out: int(re.search(r"rounds=(\d+)", out)[1]) / SECONDS)
    print(f"# {2 * run(program)[0]:.0f} switches a second")
    yield HEAD
    yield compare("nothing", program, None)
    yield compare("kpprofd, CPU, 99 Hz", program, profile_of(agent, "hz=99"))
    yield compare("kpprofd, block", program, Request(agent, f"/pid/{{pid}}/debug/pprof/block?window={SECONDS + 1}&lease=1"))
    yield compare("perf record -p, 99 Hz", program, perf_clock(99, "fp"))
    yield compare("perf record -a, 99 Hz", program, perf_clock(99, "fp", ("-a",)))
    yield compare("perf record sched_switch -g", program, perf_record("-p", "{pid}", "-e", "sched:sched_switch", "-g"))
    if have("bpftrace"):
        script = BPFTRACE_OFF_CPU.replace("{", "{{").replace("}", "}}")
        yield compare("bpftrace off-CPU stacks", program, Command("bpftrace", "-e", script, wait=3))


def heap(agent):
    """malloc and free over a live set of 4096 blocks; pairs a second of its own CPU time."""
    yield HEAD
    for rate, name in ((77000, "77 000 pairs a second"), (0, "as many pairs as it can")):
        def mallocs(**env):
            return Program(BUILD / "mallocs", SECONDS * 1000, rate, measure=lambda out: int(re.search(r"pairs=(\d+)", out)[1]),
                           env=dict(os.environ, **env))
        program = mallocs()
        yield compare(f"nothing: {name}", program, None)
        path = f"/pid/{{pid}}/debug/pprof/heap?window={SECONDS + 1}&lease=1"
        yield compare("kpprofd, heap, force=1", program, Request(agent, path + "&force=1", code_is_changed))
        yield compare("kpprofd, heap, mode=growth", program, Request(agent, path + "&mode=growth"))
        if have("memleak-bpfcc"):
            yield compare("bcc memleak", program, Command("memleak-bpfcc", "-p", "{pid}", "600", wait=6))
        with tempfile.TemporaryDirectory() as tmp:
            if have(HEAPTRACK):
                yield compare("heaptrack in the program", program, None,
                              mallocs(LD_PRELOAD=HEAPTRACK, DUMP_HEAPTRACK_OUTPUT=f"{tmp}/heaptrack"))
            if have(TCMALLOC):
                yield compare("gperftools in the program, beside its allocator alone", mallocs(LD_PRELOAD=TCMALLOC), None,
                              mallocs(LD_PRELOAD=TCMALLOC, HEAPPROFILE=f"{tmp}/heap"))


def threads(agent):
    """As many threads as named, each of which works for a millisecond and hands on; the work a second of its own CPU time."""
    images = build_images(1)
    yield HEAD
    for n in (1, 2000, 20000):
        program = Program(BUILD / "crowd", n, 1, SECONDS * 5000, 7, images, measure=per_cpu_second, ready=True)
        yield compare(f"{n} threads: kpprofd, 99 Hz", program, profile_of(agent, "hz=99"))
        if n == 2000:
            yield compare(f"{n} threads: perf record, dwarf, 99 Hz", program, perf_clock(99, "dwarf"))
