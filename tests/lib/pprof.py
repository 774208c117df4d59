#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader of pprof profiles that shares no code with the agent: gzip, protobuf, and questions.

    pprof.py raw FILE               one line a sample: values, labels, stack with the leaf first
    pprof.py stat FILE              KEY=VALUE lines, to be sourced by a shell
    pprof.py share FILE REGEX...    percent of the user time whose stack has a frame that matches
    pprof.py by FILE REGEX          what a frame's name matches, and the values of all samples with such a frame
    pprof.py labels FILE KEY        the values of a label and how many samples have them
    pprof.py mappings FILE
    pprof.py comments FILE
    pprof.py sum FILE REGEX         the sums of each value over the samples whose stack has a frame that matches
    pprof.py types FILE             sample types and period type, with their units
    pprof.py check FILE             the rules a profile must keep; nothing printed when all hold
    pprof.py broken FILE            the user stacks that do not reach the outermost frame, by count

-l KEY=VALUE keeps the samples with that label.
"""
import collections
import functools
import gzip
import os
import re
import signal
import struct
import sys

Location = collections.namedtuple("Location", "id mapping address lines")
Mapping = collections.namedtuple("Mapping", "id start limit offset file build_id functions")
Function = collections.namedtuple("Function", "id name system_name file")
Sample = collections.namedtuple("Sample", "values labels stack")

# Names of the outermost function of a thread, in the C libraries and in Go.
ROOT_NAME = re.compile(
    r"_start|__start|_start_c|_dl_start|_dl_start_user|_dlstart(_c)?|_dl_relocate_static_pie"
    r"|(__)?clone[23]?|start_thread|__start_context|thread_start|start"
    r"|_rt0_amd64(_linux)?|runtime\.(goexit|rt0_go|mstart\d?|mcall|morestack|systemstack(_switch)?"
    r"|clone|sigreturn.*|asmcgocall|_System|_GC|_ExternalCode)(\.abi0)?")
# The outermost frame of a thread without a name: clone and clone3 call the thread's function, and then exit
# (call *%reg; mov %rax, %rdi; mov $60, %eax; syscall).
THREAD_CALL = re.compile(rb"\xff[\xd0-\xd7]\x48\x89\xc7\xb8\x3c\0\0\0\x0f\x05")
THREAD_REACH = 24
# Where makecontext() lets a coroutine return to (mov %rbx, %rsp; mov (%rsp), %rdi; test %rdi, %rdi), entered there.
CONTEXT_START = re.compile(rb"\x48\x89\xdc\x48\x8b\x3c\x24\x48\x85\xff")
# The entry point's code is so long at the most.
START_REACH = 80
# The one page of the kernel's half that user code runs in.
VSYSCALL = 0xffffffffff600000


def varint(data, pos):
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), pos
        shift += 7
        if shift > 63:
            raise ValueError("varint of more than ten bytes")


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def fields(data):
    """The fields of a message: number -> list of integers or bytes."""
    out, pos = collections.defaultdict(list), 0
    while pos < len(data):
        key, pos = varint(data, pos)
        kind = key & 7
        if kind == 0:
            value, pos = varint(data, pos)
        elif kind == 2:
            size, pos = varint(data, pos)
            if pos + size > len(data):
                raise ValueError("field is longer than its message")
            value, pos = data[pos:pos + size], pos + size
        else:
            raise ValueError(f"wire type {kind}")
        out[key >> 3].append(value)
    return out


def one(msg, number, default=0):
    return msg[number][-1] if number in msg else default


def packed(msg, number):
    """A repeated integer field, packed or not."""
    out = []
    for item in msg.get(number, []):
        if isinstance(item, int):
            out.append(item)
            continue
        pos = 0
        while pos < len(item):
            value, pos = varint(item, pos)
            out.append(value)
    return out


class Profile:
    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.gzipped = data[:2] == b"\x1f\x8b"
        top = fields(gzip.decompress(data) if self.gzipped else data)
        self.strings = [s.decode() for s in top[6]]
        self.sample_types = [self._type(t) for t in top[1]]
        self.period_type = self._type(one(top, 11, b""))
        self.period = one(top, 12)
        self.time, self.duration = one(top, 9), one(top, 10)
        self.comments = [self.strings[i] for i in packed(top, 13)]
        self.mappings = [self._mapping(fields(m)) for m in top[3]]
        self.functions = [self._function(fields(f)) for f in top[5]]
        self._by_id = {f.id: f for f in self.functions}
        self._map_by_id = {m.id: m for m in self.mappings}
        self.locations = [self._location(fields(l)) for l in top[4]]
        self._loc_by_id = {l.id: l for l in self.locations}
        self.samples = [self._sample(fields(s)) for s in top[2]]

    def _type(self, data):
        m = fields(data)
        return self.strings[one(m, 1)], self.strings[one(m, 2)]

    def _mapping(self, m):
        return Mapping(one(m, 1), one(m, 2), one(m, 3), one(m, 4), self.strings[one(m, 5)],
                       self.strings[one(m, 6)], bool(one(m, 7)))

    def _function(self, m):
        return Function(one(m, 1), self.strings[one(m, 2)], self.strings[one(m, 3)],
                        self.strings[one(m, 4)])

    def _location(self, m):
        lines = [(self._by_id[one(l, 1)], signed(one(l, 2))) for l in map(fields, m[4])]
        mapping = one(m, 2)
        return Location(one(m, 1), self._map_by_id[mapping] if mapping else None, one(m, 3), lines)

    def _sample(self, m):
        labels = {}
        for label in map(fields, m[3]):
            key = self.strings[one(label, 1)]
            if key in labels:
                raise ValueError(f"label {key} twice in one sample")
            labels[key] = self.strings[one(label, 2)] if 2 in label else signed(one(label, 3))
        return Sample([signed(v) for v in packed(m, 2)], labels,
                      [self._loc_by_id[i] for i in packed(m, 1)])


def names(loc):
    """Function names at a location, the innermost inlined one first."""
    if loc.lines:
        return [function.name for function, _ in loc.lines]
    where = os.path.basename(loc.mapping.file) if loc.mapping else "?"
    return [f"{where}!{loc.address:#x}"]


def is_kernel(loc):
    return bool(loc.mapping) and 2**63 <= loc.address < VSYSCALL


def is_synthetic(loc):
    return loc.mapping is None and bool(loc.lines) and names(loc)[0].startswith("[")


def truncated(sample):
    return names(sample.stack[-1])[-1].startswith("[truncated")


def is_user(sample):
    """Has it a user part, or the frame that stands for a missing one?"""
    return truncated(sample) or any(not is_kernel(l) and not is_synthetic(l) for l in sample.stack)


@functools.lru_cache(maxsize=None)
def outermost_ranges(path):
    """Ranges of file offsets at which a thread's outermost frame may stand, read from the ELF file."""
    try:
        with open(path, "rb") as f:
            data = f.read(64 << 20)
    except OSError:
        return []
    if data[:6] != b"\x7fELF\x02\x01":
        return []
    entry, phoff = struct.unpack_from("<QQ", data, 24)
    phsize, phnum = struct.unpack_from("<HH", data, 54)
    out = []
    for i in range(phnum):
        kind, flags, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", data, phoff + i * phsize)
        if kind != 1 or not flags & 1:
            continue
        if vaddr <= entry < vaddr + filesz:
            out.append((entry - vaddr + offset, entry - vaddr + offset + START_REACH))
        for call in THREAD_CALL.finditer(data, offset, offset + filesz):
            out.append((call.start() - THREAD_REACH, call.end()))
        for begin in CONTEXT_START.finditer(data, offset, offset + filesz):
            out.append(begin.span())
    return out


def complete(sample):
    """Does the user part of a stack reach the thread's outermost frame?"""
    root = sample.stack[-1]
    if is_kernel(root) or is_synthetic(root):
        return False
    if ROOT_NAME.fullmatch(names(root)[-1]):
        return True
    if not root.mapping:
        return False
    offset = root.address - root.mapping.start + root.mapping.offset
    return any(lo <= offset < hi for lo, hi in outermost_ranges(root.mapping.file))


def stat(p):
    user = [s for s in p.samples if is_user(s)]
    count = lambda samples: sum(s.values[0] for s in samples)
    return {
        "samples": count(p.samples),
        "total": sum(s.values[-1] for s in p.samples),
        "stacks": len(p.samples),
        "user": count(user),
        "complete": count(s for s in user if complete(s)),
        "truncated": count(s for s in p.samples if truncated(s)),
        "guessed": count(s for s in p.samples if s.labels.get("unwind") == "[guessed]"),
        "kernel": count(s for s in p.samples if any(map(is_kernel, s.stack))),
        "lost": count(s for s in p.samples if any("[lost" in n for l in s.stack for n in names(l))),
        "silent": count(s for s in user if not complete(s) and not truncated(s)),
        "deepest": max((len(s.stack) for s in p.samples), default=0),
        "period": p.period,
        "duration": p.duration,
        "mappings": len(p.mappings),
        "types": " ".join("/".join(t) for t in p.sample_types),
    }


def share(p, regex):
    want = re.compile(regex)
    user = [s for s in p.samples if is_user(s)]
    total = sum(s.values[-1] for s in user)
    hit = sum(s.values[-1] for s in user if any(want.search(n) for l in s.stack for n in names(l)))
    return 100.0 * hit / total if total else 0.0


def sums(p, regex):
    """Values by what the innermost frame that matches matches; by nothing where none does."""
    pattern = re.compile(regex)
    total = collections.defaultdict(lambda: [0] * len(p.sample_types))
    for sample in p.samples:
        found = (pattern.search(name) for loc in sample.stack for name in names(loc))
        match = next((m for m in found if m), None)
        have = total[match.group(0) if match else "-"]
        for i, v in enumerate(sample.values):
            have[i] += v
    return total


def check(p):
    """What is wrong with a profile, by the rules of profile.proto and of the scrapers."""
    bad = []
    say = lambda ok, text: ok or bad.append(text)
    say(p.gzipped, "not gzip")
    say(p.strings[:1] == [""], "string 0 is not empty")
    say(len(set(p.strings)) == len(p.strings), "a string is there twice")
    say(bool(p.sample_types), "no sample types")
    for what, items in (("mapping", p.mappings), ("location", p.locations), ("function", p.functions)):
        say([i.id for i in items] == list(range(1, len(items) + 1)), f"{what} ids do not run from 1")
    for m in p.mappings:
        say(m.start < m.limit, f"mapping {m.file} is empty")
        say(re.fullmatch("([0-9a-f]{2})*", m.build_id), f"build ID {m.build_id!r}")
    for l in p.locations:
        if l.mapping:
            say(l.mapping.start <= l.address < l.mapping.limit,
                f"{l.address:#x} is not in {l.mapping.file} {l.mapping.start:#x}-{l.mapping.limit:#x}")
            say(l.lines or not l.mapping.functions,
                f"{l.address:#x} in {l.mapping.file} has no name, but has_functions says so")
        else:
            say(l.lines, f"location {l.id} has neither mapping nor name")
    for f in p.functions:
        say(f.name and f.name == f.system_name, f"names {f.name!r} and {f.system_name!r} differ")
    for s in p.samples:
        say(len(s.values) == len(p.sample_types), "wrong number of values")
        say(s.stack, "a sample without a stack")
        say(any(s.values), "a sample of nothing")
    seen = collections.Counter((tuple(l.id for l in s.stack), tuple(sorted(s.labels.items())))
                               for s in p.samples)
    say(not seen or max(seen.values()) == 1, "a stack is there twice with the same labels")
    return bad


def stack_text(sample):
    return ";".join(n for l in sample.stack for n in names(l))


def broken(p):
    out = collections.Counter()
    for s in p.samples:
        if is_user(s) and not complete(s):
            out[stack_text(s)] += s.values[0]
    return out


def main(argv):
    keep = []
    while len(argv) > 1 and argv[0] == "-l":
        keep.append(argv[1].split("=", 1))
        argv = argv[2:]
    if len(argv) < 2:
        sys.exit(__doc__)
    command, p, rest = argv[0], Profile(argv[1]), argv[2:]
    p.samples = [s for s in p.samples if all(str(s.labels.get(k)) == v for k, v in keep)]
    if command == "raw":
        for s in p.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
            print(" ".join(map(str, s.values)), labels or "-", stack_text(s), sep="\t")
    elif command == "stat":
        for key, value in stat(p).items():
            print(f"{key}={value}")
    elif command == "share":
        for regex in rest:
            print(f"{share(p, regex):.2f}")
    elif command == "sum":
        want = re.compile(rest[0])
        hit = [s for s in p.samples if any(want.search(n) for l in s.stack for n in names(l))]
        print(*(sum(s.values[i] for s in hit) for i in range(len(p.sample_types))))
    elif command == "types":
        print(*("/".join(t) for t in p.sample_types + [p.period_type]))
    elif command == "by":
        for name, values in sorted(sums(p, rest[0]).items()):
            print(name, *values)
    elif command == "labels":
        values = collections.Counter()
        for s in p.samples:
            values[s.labels.get(rest[0], "-")] += s.values[0]
        for value, n in sorted(values.items(), key=lambda item: str(item[0])):
            print(value, n)
    elif command == "mappings":
        for m in p.mappings:
            print(f"{m.start:#x}-{m.limit:#x} {m.offset:#x} {m.build_id or '-'} "
                  f"{'named' if m.functions else 'unnamed'} {m.file}")
    elif command == "comments":
        print("\n".join(p.comments))
    elif command == "check":
        bad = check(p)
        print("\n".join(bad), end="\n" if bad else "")
        return bool(bad)
    elif command == "broken":
        for text, n in broken(p).most_common(20):
            print(n, text)
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
