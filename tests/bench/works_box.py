# SPDX-License-Identifier: GPL-2.0-or-later
"""Works of more than one program: nginx, and a box of 200 processes."""
import time

from backdrop import BOX, nginx, requests_per_second, running, wrk
from pairs import (BUILD, HEAD, SECONDS, Load, Program, compare, have, head, per_cpu_second, perf_clock, profile_of, row)
from profiles import read_profile


def nginx_load(agent):
    """nginx with two workers under wrk on the same two processors, gzip on; requests a second."""
    if not have("nginx") or not have("wrk"):
        return
    with nginx() as (pid, url):
        load = Load(pid, *wrk(url, SECONDS), measure=requests_per_second)
        yield HEAD
        yield compare("nothing", load, None)
        yield compare("kpprofd, 99 Hz", load, profile_of(agent, "hz=99", "/comm/nginx"))
        for kind in ("fp", "dwarf"):
            yield compare(f"perf record -a, {kind}, 99 Hz", load, perf_clock(99, kind, ("-a",)))
        yield ""
        yield head("profile of nginx", "samples", "body, KB", "from the end of the window to the last byte, ms")
        for seconds in (SECONDS, 30):
            with running(wrk(url, seconds + 2)):
                yield row(f"{seconds} s", *tail_of(agent, f"/comm/nginx/debug/pprof/profile?seconds={seconds}"))


def tail_of(agent, path):
    """Samples and KB of a profile, and how long after its window it was there; the agent's start of it is in that, too."""
    body = agent.get(path)
    done = time.time_ns()
    profile = read_profile(body)
    samples = sum(s.values[0] for s in profile.samples)
    return samples, f"{len(body) / 1024:.1f}", f"{(done - profile.time - profile.duration) / 1e6:.1f}"


def box(agent):
    """A profile of the whole box, with 200 processes on it; the work of one more, a second of its own CPU time."""
    program = Program(BUILD / "deep", SECONDS * 2500, measure=per_cpu_second)
    with running(*BOX):
        yield HEAD
        yield compare("nothing", program, None)
        yield compare("kpprofd, 99 Hz", program, profile_of(agent, "hz=99", ""))
        for kind in ("fp", "dwarf"):
            yield compare(f"perf record -a, {kind}, 99 Hz", program, perf_clock(99, kind, ("-a",)))
