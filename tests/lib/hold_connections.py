#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hold_connections.py PORT COUNT: opens so many connections to an HTTP server on loopback, and leaves it waiting for
the end of a request on each. Prints "ready" when it has sent them all, and holds them until its input ends."""
import resource
import socket
import sys


def main(port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    held = []
    for _ in range(count):
        held.append(socket.create_connection(("127.0.0.1", port)))
        held[-1].sendall(b"GET /file HTTP/1.1\r\nHost: held\r\n")
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(int(sys.argv[1]), int(sys.argv[2]))
