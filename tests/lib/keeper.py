#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps what it allocates, and knows how much that is.

    keeper.py BYTES     begins with the first line on standard input; keeps blocks of 33 to 4000 bytes until they are
                        so much in all, each beside another one that it does not keep. Then prints "kept BYTES", and where the
                        allocator is the C library's "allocator BYTES", what that says to have given out. Ends with
                        standard input.

With PYTHONMALLOC=malloc each block is one of malloc's.
"""
import ctypes
import os
import random
import sys


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


def given_out():
    """Bytes of blocks in use, with their headers; None where the allocator is another one than the C library's."""
    if "LD_PRELOAD" in os.environ:
        return None
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Mallinfo2
    info = libc.mallinfo2()
    return info.uordblks + info.hblkhd


def keep(kept, size):
    kept.append(("k" * size).encode())
    return sys.getsizeof(kept[-1])


def main(limit):
    numbers = random.Random(1)
    kept, total = [], 0
    given_out()
    sys.stdin.readline()
    before = given_out()
    while total < limit:
        total += keep(kept, numbers.randrange(4000 - 33))
    after = given_out()
    print("kept", total + sys.getsizeof(kept))
    if before is not None:
        print("allocator", after - before)
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
