#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the stacks of a goroutine profile with what eu-stack says of the same threads.

    eu_stack.py PROFILE EU-STACK-OUTPUT

For each thread that both have, the user frames of the profile must begin with all of eu-stack's, address by
address. Prints how many threads and frames agree, and each thread that does not. eu-stack may have ended early.
"""
import re
import sys

import pprof

FRAME = re.compile(r"#\d+\s+0x([0-9a-f]+)(.*)")


def eu_stacks(path):
    """tid -> [(pc, name)]"""
    out, frames = {}, None
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith("TID "):
                frames = out.setdefault(int(line[4:].rstrip(":\n")), [])
            elif (match := FRAME.match(line)) and frames is not None:
                frames.append((int(match[1], 16), match[2].strip()))
    return out


def our_stacks(path):
    """tid -> [(pc, name)], as eu-stack prints them: return addresses, but the first."""
    out = {}
    for sample in pprof.Profile(path).samples:
        user = [l for l in sample.stack if not pprof.is_kernel(l) and l.mapping]
        out[sample.labels["tid"]] = [(l.address + (i > 0), pprof.names(l)[-1])
                                     for i, l in enumerate(user)]
    return out


def main():
    ours, theirs = our_stacks(sys.argv[1]), eu_stacks(sys.argv[2])
    threads = frames = named = bad = 0
    for tid, want in sorted(theirs.items()):
        # what has no frame there was not to be had by it either
        if not want:
            continue
        have = ours.get(tid, [])
        if [pc for pc, _ in have[:len(want)]] != [pc for pc, _ in want]:
            bad += 1
            print(f"thread {tid}:")
            for who, stack in (("eu-stack", want), ("ours", have)):
                print(f"  {who}: " + " ".join(f"{pc:#x}={name}" for pc, name in stack))
            continue
        threads += 1
        frames += len(want)
        named += sum(a == b.split(" - ")[0].split("@")[0] for (_, a), (_, b) in zip(have, want))
    print(f"threads={threads} frames={frames} named={named} bad={bad}")
    return 1 if bad or not threads else 0


if __name__ == "__main__":
    sys.exit(main())
