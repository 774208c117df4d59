# SPDX-License-Identifier: GPL-2.0-or-later
"""Works about the agent itself: how soon it samples and answers, what it takes, and what it shows of itself."""
import collections
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from backdrop import BOX, nginx, requests_per_second, running, wrk
from pairs import (BUILD, ROUNDS, SECONDS, Agent, Program, Request, bcc_environment, build_images, cpu_seconds, forget_peak, have,
                   head, memory_mb, output_of, row, run)
from profiles import names_of, pprof, read_profile

DIGITS = ("thousands", "hundreds", "tens", "ones")


def moments(names):
    """Milliseconds that the stacks of when.c say, leaf first, of the names in a text."""
    pattern = ".*?".join(rf"\b{d}_(\d)" for d in reversed(DIGITS))
    return [int("".join(reversed(m))) for m in re.findall(pattern, names, re.S)]


def ask_kpprofd(agent, hz):
    def ask(pid):
        body = agent.get(f"/pid/{pid}/debug/pprof/profile?seconds=2&hz={hz}")
        done = time.monotonic()
        return done, [m for s in read_profile(body).samples for m in moments(" ".join(names_of(s)))]
    return ask


def ask_perf(pid):
    with tempfile.NamedTemporaryFile() as data:
        output_of("perf", "record", "-q", "-o", data.name, "-p", pid, "-F", "99", "-e", "cpu-clock", "-g", "--", "sleep", "2")
        text = output_of("perf", "script", "-i", data.name, "-F", "ip,sym")
    return time.monotonic(), moments(text)


def ask_bcc(pid):
    text = output_of("profile-bpfcc", "-p", pid, "-F", "99", "-f", "2", env=bcc_environment())
    done = time.monotonic()
    return done, [m for line in text.split() for m in moments(" ".join(reversed(line.split(";"))))]


def ask_bpftrace(pid):
    text = output_of("bpftrace", "-e",
                     f"profile:hz:99 /pid == {pid}/ {{ @[ustack] = count(); }} interval:s:2 {{ exit(); }}")
    return time.monotonic(), moments(text)


def first_and_last(ask):
    """Milliseconds from the question to the first sample, and from the last sample to the answer."""
    with subprocess.Popen([BUILD / "when", "9900"], stdin=subprocess.PIPE) as child:
        time.sleep(0.1)
        asked = time.monotonic()
        child.stdin.write(b"\n")
        child.stdin.flush()
        done, taken = ask(child.pid)
        child.kill()
    return (min(taken), (done - asked) * 1000 - max(taken)) if taken else None


def first(agent):
    """A busy program whose stack says what time it is: from the request, or the command, for a CPU profile of two seconds to
    the first sample, and from the last sample to the whole answer with names; medians, [smallest largest]."""
    tools = [("kpprofd, 99 Hz", ask_kpprofd(agent, 99)), ("kpprofd, 999 Hz", ask_kpprofd(agent, 999)),
             ("perf record -g, perf script, 99 Hz", ask_perf)]
    tools += [(name, ask) for name, ask in (("profile-bpfcc, 99 Hz", ask_bcc), ("bpftrace, 99 Hz", ask_bpftrace))
              if have(name.split(",")[0])]
    yield head("tool", "first sample after, ms", "answer after the last sample, ms")
    for name, ask in tools:
        times = [first_and_last(ask) for _ in range(ROUNDS)]
        if None in times:
            yield row(name, "not within 10 s", "-")
            continue
        yield row(name, *(f"{statistics.median(t):.0f} [{min(t):.0f} {max(t):.0f}]" for t in zip(*times)))


class Peak:
    """The most memory of the agent and of its image worker, each."""

    def __init__(self, agent):
        self.agent = agent
        forget_peak(agent.pid)

    def row(self, name):
        both = memory_mb(self.agent.pid, "VmHWM")
        own = re.search(r"^VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{self.agent.pid}/status").read_text(), re.M)
        return row(name, f"{int(own[1]) / 1024:.1f}", f"{both - int(own[1]) / 1024:.1f}", f"{both:.1f}")


def memory(_):
    """Resident memory at the most, MB, of an agent of its own; pages that it shares with its worker count for both."""
    agent = Agent()
    try:
        yield head("when", "agent", "image worker", "both")
        time.sleep(1)
        yield Peak(agent).row("idle, just started")
        peak = Peak(agent)
        with running((BUILD / "when", "9900")) as pid:
            agent.get(f"/pid/{pid}/debug/pprof/goroutine")
            yield peak.row("a dump of one thread")
        with contextlib.ExitStack() as stack:
            pid, url = stack.enter_context(nginx())
            stack.enter_context(running(wrk(url, SECONDS + 2)))
            peak = Peak(agent)
            agent.get(f"/comm/nginx/debug/pprof/profile?seconds={SECONDS}")
            yield peak.row("a profile of nginx at work")
        with running(*BOX):
            peak = Peak(agent)
            agent.get(f"/debug/pprof/profile?seconds={SECONDS}")
            yield peak.row("a profile of a box with 200 processes")
        time.sleep(SECONDS)
        yield Peak(agent).row("idle again")
    finally:
        agent.end()


def ring(agent):
    """Bytes a second from the kernel to whoever reads, at 99 Hz with two processors busy in a stack of 30 frames."""
    yield head("tool", "KB a second", "bytes a sample")
    counted = ("kpprof_ring_bytes_total", "kpprof_samples_total")
    with running(*[(BUILD / "deep", 1000000)] * 2, go=True):
        before = [agent.metric(n) for n in counted]
        agent.get(f"/comm/deep/debug/pprof/profile?seconds={SECONDS}&hz=99")
        size, samples = (agent.metric(n) - b for n, b in zip(counted, before))
        yield row("kpprofd, perf engine", f"{size / SECONDS / 1024:.0f}", f"{size / samples:.0f}")
        for kind in ("fp", "dwarf", "dwarf,65528"):
            yield row(f"perf record, {kind}", *perf_bytes(kind))


def perf_bytes(kind):
    """What perf.data grows by in each second, and for each sample."""
    with tempfile.NamedTemporaryFile() as data:
        output_of("perf", "record", "-q", "-B", "-N", "-o", data.name, "-a", "-F", "99", "-e", "cpu-clock", "--call-graph", kind,
                  "--", "sleep", SECONDS)
        samples = output_of("perf", "script", "-i", data.name, "-F", "ip").count("\n\n")
        size = pathlib.Path(data.name).stat().st_size
    return f"{size / SECONDS / 1024:.0f}", f"{size / max(1, samples):.0f}"


def http(agent):
    """Answers a second to wrk with four connections, about a process of so many threads."""
    if not have("wrk"):
        return
    yield head("request", "a second", "ms of the agent's CPU each")
    for threads in (1, 100):
        with running((BUILD / "crowd", threads, 1, 1, 1, build_images(1))) as pid:
            for what in ("cmdline", "goroutine", "goroutine?debug=2"):
                agent.get(f"/pid/{pid}/debug/pprof/{what}")  # files are read once
                before = cpu_seconds(agent.pid)
                done = output_of(*wrk(f"{agent.url}/pid/{pid}/debug/pprof/{what}", SECONDS, 4))
                rate = requests_per_second(done)
                spent = cpu_seconds(agent.pid) - before
                if "Non-2xx" in done:
                    sys.exit(f"http: {what}: {done}")
                yield row(f"{what}, {threads} threads", f"{rate:.1f}", f"{1000 * spent / (rate * SECONDS):.3f}" if rate else "-")


def own(agent):
    """The agent and its image worker, profiled by the agent itself while it answers `goroutine` about a process of 100 threads:
    what most of their time is below, and what it is in."""
    if not have("wrk"):
        return
    with running((BUILD / "crowd", 100, 1, 1, 1, build_images(1))) as pid:
        for whose in (f"/pid/{agent.pid}", "/comm/kpprofd-image"):
            with running(wrk(f"{agent.url}/pid/{pid}/debug/pprof/goroutine", SECONDS + 2, 4)):
                body = agent.get(f"{whose}/debug/pprof/profile?seconds={SECONDS}&hz=499")
            yield from top(whose.split("/")[1], read_profile(body))
            yield ""


def top(whose, profile):
    """The functions of a file of ours that have the most below them, and the functions of any that have the most in them."""
    below, inside = collections.Counter(), collections.Counter()
    for sample in profile.samples:
        inside[pprof.names(sample.stack[0])[0]] += sample.values[0]
        ours = [l for l in sample.stack if l.mapping and l.mapping.file.endswith("/kpprofd")]
        below.update({name: sample.values[0] for l in ours for name in pprof.names(l)})
    stat = pprof.stat(profile)
    yield (f"{'The agent' if whose == 'pid' else 'Its worker'}: {stat['samples']} samples; {stat['complete']} of {stat['user']} "
           "with a user part reach the outermost frame.\n")
    yield head("of kpprofd, below", "%", "anywhere, in", "%")
    for (outer, under), (leaf, within) in zip(below.most_common(14), inside.most_common(14)):
        yield row(f"`{outer}`", f"{100 * under / stat['samples']:.1f}", f"`{leaf}`", f"{100 * within / stat['samples']:.1f}")


def scheduled_ns(pid):
    """CPU time of a process by the scheduler's own count, finer than ticks."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def for_each_sample(agent, threads, images):
    """CPU time for a sample at 999 Hz, us: of the program what is more than without, and of the agent while it works."""
    program = Program(BUILD / "crowd", threads, images, SECONDS * 5000, 7, build_images(images), ready=True,
                      measure=lambda out: int(re.search(r"cpu_ns=(\d+)", out)[1]))
    alone = run(program)[0]
    pid = program.begin()
    request = Request(agent, f"/pid/{{pid}}/debug/pprof/profile?seconds={2 * SECONDS}&hz=999")
    request.start(pid)
    time.sleep(1)  # the rows of the images are there
    spent, samples = scheduled_ns(agent.pid), agent.metric("kpprof_samples_total")
    watched = program.work()
    samples = agent.metric("kpprof_samples_total") - samples
    spent = scheduled_ns(agent.pid) - spent
    request.finish()
    return (watched - alone) / samples / 1000, spent / samples / 1000


def slope(agent):
    """Whether a sample costs more with more threads, which work in turn, or with more shared objects, in which they work in turn;
    without the module, medians."""
    yield head("threads", "shared objects", "us of the program for a sample", "us of the agent for a sample")
    for threads, images in ((1, 1), (10, 1), (100, 1), (1000, 1), (20000, 1), (1, 10), (1, 100)):
        times = zip(*(for_each_sample(agent, threads, images) for _ in range(min(ROUNDS, 3))))
        yield row(threads, images, *(f"{statistics.median(t):.1f}" for t in times))
