# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs with a tool and without it, in pairs, one after the other: kpprofd, or what one would use instead."""
import contextlib
import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS", "3"))
HEAD = "| tool | keeps | tool cpu, s | rss, MB | output, KB | after, s |\n|---|---|---|---|---|---|"


def have(tool):
    return shutil.which(tool) or os.path.exists(tool)


@functools.lru_cache(maxsize=None)
def bcc_environment():
    """bcc compiles against a kernel's headers: Debian's 6.1 in one tree do for what is read here."""
    found = subprocess.run([ROOT / "tests/vm/fetch", "6.1"], capture_output=True, text=True, check=False).stdout.strip()
    trees = sorted(pathlib.Path(found).glob("root/usr/src/linux-headers-*")) if found else []
    if not trees or pathlib.Path(f"/lib/modules/{os.uname().release}/build").exists():
        return os.environ
    headers = BUILD / "headers"
    headers.mkdir(parents=True, exist_ok=True)
    for tree in reversed(trees):  # what is common first
        subprocess.run(["cp", "-asf", f"{tree}/.", headers], check=True)
    return dict(os.environ, BCC_KERNEL_SOURCE=str(headers), BCC_LINUX_VERSION_CODE=str((6 << 16) + (1 << 8)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def family(pid):
    """A process and all that descend from it."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(pid)] + [p for child in children for p in family(child)]


def cpu_seconds(pid):
    """CPU time of a process and its family, of those that have ended, too."""
    total = 0
    for member in family(pid):
        fields = pathlib.Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(int(f) for f in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def memory_mb(pid, field="VmRSS"):
    """Of a process and its family; VmHWM: the most since forget_peak()."""
    total = 0
    for member in family(pid):
        found = re.search(rf"^{field}:\s+(\d+)", pathlib.Path(f"/proc/{member}/status").read_text(), re.M)
        total += int(found[1]) if found else 0
    return total / 1024


def forget_peak(pid):
    for member in family(pid):
        pathlib.Path(f"/proc/{member}/clear_refs").write_text("5")


def output_of(*command, env=None):
    """What a command prints; it must succeed."""
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                          env=env).stdout


def build_images(n):
    """The first @n shared objects of crowd."""
    images = BUILD / "images"
    images.mkdir(parents=True, exist_ok=True)
    source = ROOT / "tests" / "bench" / "crowd_image.c"
    for i in range(n):
        image = images / f"image{i}.so"
        if not image.exists() or image.stat().st_mtime < source.stat().st_mtime:
            output_of("gcc", "-O2", "-fomit-frame-pointer", "-fPIC", "-shared", f"-DIMAGE={i}", "-o", image, source)
    return images


class Agent:
    """kpprofd on a port of its own, for all rounds."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = dict(os.environ, PPROF_ADDR=f"127.0.0.1:{self.port}", PPROF_ENGINE="perf", PPROF_LOG="stderr",
                   PPROF_CONTROL=str(os.getpid() + 200000))
        self.process = subprocess.Popen([ROOT / "build" / "kpprofd"], env=env, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(100):
            try:
                self.get("/debug/pprof/cmdline")
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
            else:
                return
        sys.exit("kpprofd does not start")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=120) as reply:
            return reply.read()

    def metric(self, name):
        """Of /metrics: the sum over a metric's labels."""
        text = self.get("/metrics").decode()
        return sum(float(v) for v in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.M))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def code_is_changed(pid):
    """There are probes in a process."""
    return output_of(ROOT / "tests" / "lib" / "text_changed", pid) != "0\n"


class Request:
    """A profile by HTTP while the program works; {pid} in its path is the program, which begins when begun(pid) holds."""

    def __init__(self, agent, path, begun=None):
        self.agent, self.path, self.begun = agent, path, begun

    def start(self, pid):
        forget_peak(self.agent.pid)
        self.before = cpu_seconds(self.agent.pid)
        self.thread = threading.Thread(target=self.fetch, args=(pid,))
        self.thread.start()
        time.sleep(0.3)
        for _ in range(100):
            if not self.begun or self.begun(pid):
                break
            time.sleep(0.1)

    def fetch(self, pid):
        self.body = self.agent.get(self.path.format(pid=pid))
        # the worker is still there
        self.took = cpu_seconds(self.agent.pid) - self.before, memory_mb(self.agent.pid, "VmHWM")

    def finish(self):
        self.thread.join()
        return *self.took, len(self.body) / 1024


def profile_of(agent, query, of="/pid/{pid}"):
    """A request for a profile that lasts as long as the program and a second."""
    return Request(agent, f"{of}/debug/pprof/profile?seconds={SECONDS + 1}&{query}")


class ToolFailed(Exception):
    """It ended before it was told to."""


class Command:
    """Another tool, which is told to end when the program has; {pid} and {out} in its arguments are the process and a file."""

    def __init__(self, *arguments, wait=2.0):
        self.arguments, self.wait = arguments, wait
        self.env = bcc_environment() if arguments[0].endswith("-bpfcc") else None

    def start(self, pid):
        self.dir = tempfile.mkdtemp()
        args = [a.format(pid=pid, out=f"{self.dir}/out") for a in self.arguments]
        with open(f"{self.dir}/text", "wb") as text:
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=text, stderr=subprocess.DEVNULL,
                                            env=self.env, start_new_session=True)
        time.sleep(self.wait)

    def finish(self):
        # so that its usage is not reaped with its status
        told = not os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if told:
            self.process.send_signal(signal.SIGINT)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(ProcessLookupError):  # what it has started and left
            os.killpg(self.process.pid, signal.SIGKILL)
        size = sum(f.stat().st_size for f in pathlib.Path(self.dir).iterdir()) / 1024
        shutil.rmtree(self.dir)
        if not told and status:
            raise ToolFailed(self.arguments[0])
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size


def perf_record(*options):
    return Command("perf", "record", "-q", "-o", "{out}", *options)


def perf_clock(hz, kind, of=("-p", "{pid}")):
    return perf_record(*of, "-F", str(hz), "-e", "cpu-clock", "--call-graph", kind)


class Program:
    """A program that waits for a line, works, and prints what it did."""

    def __init__(self, *arguments, measure, env=None, ready=False):
        self.arguments, self.measure, self.env, self.ready = [str(a) for a in arguments], measure, env, ready

    def begin(self):
        self.child = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env)
        if self.ready and self.child.stdout.readline() != "ready\n":
            sys.exit(f"{self.arguments[0]} does not begin")
        time.sleep(0.1)
        return self.child.pid

    def work(self):
        out, _ = self.child.communicate("\n")
        return self.measure(out)


class Load:
    """Something that runs all the time, with the command that puts it to work."""

    def __init__(self, pid, *command, measure):
        self.pid, self.command, self.measure = pid, command, measure

    def begin(self):
        return self.pid

    def work(self):
        return self.measure(output_of(*self.command))


def run(workload, tool=None):
    """One run: what was done, and what the tool took."""
    pid = workload.begin()
    if tool:
        tool.start(pid)
    value = workload.work()
    done = time.monotonic()
    took = tool.finish() if tool else None
    return value, took, time.monotonic() - done


def compare(name, workload, tool, other=None):
    """A line of a table: @workload alone, and with the tool, or @other instead of that."""
    try:
        return compared(name, workload, tool, other)
    except ToolFailed:
        return row(name, "does not run here", *["-"] * 4)


def compared(name, workload, tool, other):
    ratios, took, after = [], [], []
    for _ in range(ROUNDS):
        alone = run(workload)[0]
        with_tool, used, late = run(other or workload, tool)
        ratios.append(with_tool / alone)
        if used:
            took.append(used)
            after.append(late)
    cells = [f"{statistics.median(ratios):.3f} [{min(ratios):.3f} {max(ratios):.3f}]"]
    if took:
        cells += [f"{statistics.median(t[0] for t in took):.2f}", f"{max(t[1] for t in took):.0f}",
                  f"{statistics.median(t[2] for t in took):.0f}", f"{statistics.median(after):.2f}"]
    else:
        cells += ["-"] * 4
    return row(name, *cells)


def row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def head(*cells):
    return row(*cells) + "\n|" + "---|" * len(cells)


def per_cpu_second(out):
    """Work by what a second of the program's own CPU time gives."""
    return 1e9 / int(re.search(r"cpu_ns=(\d+)", out)[1])
