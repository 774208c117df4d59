#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A verdict in JSON, from standard input, in a line for each deadlock and convoy:

    cycle: a(mutex normal)>b b(mutex normal)>a
    likely all waiting: writer(rwlock)>? behind 1
    convoy: asleep 3

Of each thread the name, what it waits for, and the name of the owner. A thread whose stack shows neither a frame of a
library nor one of the program is followed by "no stack".
"""
import json
import sys


def describe(thread, names):
    kind = thread.get("lock_type", "?")
    if thread.get("lock_kind"):
        kind += " " + thread["lock_kind"]
    owner = "gone" if thread.get("owner_gone") else names.get(thread.get("owner"), "?")
    lost = "" if len(thread["frames"]) >= 2 else " no stack"
    return f"{thread['name']}({kind})>{owner}{lost}"


def main():
    verdict = json.load(sys.stdin)
    for deadlock in verdict["deadlocks"]:
        names = {t["tid"]: t["name"] for t in deadlock["threads"]}
        likely = "likely " if deadlock["likely"] else ""
        threads = " ".join(describe(t, names) for t in deadlock["threads"])
        behind = f" behind {len(deadlock['behind'])}" if deadlock["behind"] else ""
        print(f"{likely}{deadlock['kind']}: {threads}{behind}")
    for convoy in verdict["convoys"]:
        holder = convoy["holder"]["name"] if convoy["holder"] else "?"
        print(f"convoy: {holder} {len(convoy['waiters'])}")


main()
