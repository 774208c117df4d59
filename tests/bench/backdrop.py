# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs while something is measured: nginx, and a box of 200 processes."""
import contextlib
import pathlib
import re
import subprocess
import tempfile
import time

from pairs import ROOT, free_port

# 200 processes: most sleep, some wake up now and then and start another, four keep the processors busy.
BOX = ([("sleep", "1000")] * 150 + [("sh", "-c", "while :; do sleep 0.5; done")] * 46 +
       [("/usr/bin/python3", "-c", "while True: sum(range(1000))")] * 4)


def stop(process):
    process.terminate()
    process.wait()


@contextlib.contextmanager
def running(*commands, go=False):
    """Commands in the background; @go: those that wait for a line on their input get one. The pid of the last one."""
    with contextlib.ExitStack() as stack:
        for command in commands:
            process = subprocess.Popen([str(a) for a in command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            stack.callback(stop, process)
            if go:
                process.stdin.write(b"\n")
                process.stdin.flush()
        time.sleep(0.5)
        yield process.pid


@contextlib.contextmanager
def nginx():
    """Two workers of the functional tests' configuration; the address of a file of 16 KB."""
    with tempfile.TemporaryDirectory() as tmp:
        pathlib.Path(tmp).chmod(0o755)  # the workers are not root
        port = free_port()
        conf = (ROOT / "tests" / "func" / "nginx.conf").read_text().replace("@DIR@", tmp).replace("@PORT@", str(port))
        (pathlib.Path(tmp) / "conf").write_text(conf)
        (pathlib.Path(tmp) / "file").write_bytes(b"k" * 16384)
        with running(("nginx", "-p", tmp, "-c", f"{tmp}/conf")) as pid:
            yield pid, f"http://127.0.0.1:{port}/file"


def wrk(url, seconds, connections=16):
    return "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url


def requests_per_second(out):
    return float(re.search(r"^Requests/sec:\s+([\d.]+)$", out, re.M)[1])
