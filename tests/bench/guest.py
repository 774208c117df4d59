# SPDX-License-Identifier: GPL-2.0-or-later
"""What the measurements in a guest share, whose clock counts instructions: how one is started, the module and the agent
in it, and programs that work."""
import contextlib
import os
import pathlib
import re
import resource
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
TOOLS = ROOT / "build" / "vm" / "tools"
PORT = 6061
URL = f"http://127.0.0.1:{PORT}"


def build(*programs):
    """The agent, the module's tools, and programs of tests/bench, on the machine outside."""
    subprocess.run(["make", "-s", "-j2", "all", "vm-tools", *(f"build/bench/{p}" for p in programs)], cwd=ROOT, check=True)


def compile_as(program, source, *options):
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", *options, "-o", BUILD / program, ROOT / "tests/bench" / source], check=True)


def run(script, limit, *arguments, **environment):
    """`tests/bench/SCRIPT guest ARGUMENTS` in a guest; environment KERNEL=6.1, LIMIT seconds. Its status."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    return subprocess.run([ROOT / "tests/vm/run", "-r", "-k", os.environ.get("KERNEL", "6.1"), "-t", os.environ.get("LIMIT", limit),
                           "--", "env", *variables, f"tests/bench/{script}", "guest", *map(str, arguments)], check=False).returncode


def wait_until(condition, what="nothing happens", seconds=60):
    for _ in range(10 * seconds):
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


def get(path, timeout=600):
    with urllib.request.urlopen(URL + path, timeout=timeout) as reply:
        return reply.read()


def answers():
    try:
        get("/debug/pprof/", 5)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def agent(engine):
    """The agent; its pid."""
    env = dict(os.environ, PPROF_ADDR=f"127.0.0.1:{PORT}")
    with subprocess.Popen([ROOT / "build" / "kpprofd", "-e", engine], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(answers, "the agent does not answer")
            yield process.pid
        finally:
            process.terminate()


@contextlib.contextmanager
def agent_with_module(*parameters):
    """The module and the agent; the agent's pid."""
    subprocess.run(["modprobe", "kpprof", *parameters], check=True)
    with agent("module") as pid:
        yield pid


def module_status(key):
    out = subprocess.run([TOOLS / "kpt", "status"], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^{key}=(\d+)$", out, re.M)[1])


def metric(name):
    """Of the agent's /metrics: the sum over a metric's labels."""
    return sum(float(v) for v in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", get("/metrics").decode(), re.M))


def spent_ns(pid):
    """CPU time of a process, by the scheduler's own count."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # one may have ended
            total += int((task / "schedstat").read_text().split()[0])
    return total


def worker_works(agent):
    """Whether the agent's image worker has something to do."""
    children = pathlib.Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    return any(re.search(r"^State:\tR", pathlib.Path(f"/proc/{c}/status").read_text(), re.M) for c in children)


def spent_by_children_ns():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((used.ru_utime + used.ru_stime) * 1e9)


def cpu_ns(text):
    """Of what a program prints."""
    return int(re.search(r"^cpu_ns=(\d+)$", text, re.M)[1])


def no_sampling_limit():
    """The kernel takes instructions for time, and would slow perf down for what is slow in a guest only."""
    pathlib.Path("/proc/sys/kernel/perf_cpu_time_max_percent").write_text("0")


def has_descriptor(pid, name):
    def is_one(fd):
        try:
            return name in os.readlink(fd)
        except OSError:
            return False
    return any(is_one(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())
