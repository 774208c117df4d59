#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads Prometheus' text format, version 0.0.4, strictly, and prints its values, one a line: NAME{LABELS} VALUE.

Beyond what the format says: each metric has HELP and TYPE before its values, all of them together; names and units are
as promtool wants them (counters end in _total, others do not); nothing is there twice.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
VALUE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?)")
HEAD = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")


def read(text):
    assert text.endswith("\n"), "no newline at the end"
    metric = kind = None
    seen, values = set(), {}
    helped = None
    for line in text[:-1].split("\n"):
        head = HEAD.fullmatch(line)
        if head and head[1] == "HELP":
            assert head[2] not in seen, f"again: {line}"
            helped, metric = head[2], None
            continue
        if head:
            assert helped == head[2], f"a type without help: {line}"
            assert head[3] in ("counter", "gauge"), line
            metric, kind = head[2], head[3]
            seen.add(metric)
            assert (kind == "counter") == metric.endswith("_total"), f"the name of a {kind}: {metric}"
            continue
        value = VALUE.fullmatch(line)
        assert value, f"not a value: {line!r}"
        assert value[1] == metric, f"out of its place: {line}"
        labels = re.findall(LABEL, value[2] or "")
        assert len({label.split("=")[0] for label in labels}) == len(labels), f"a label twice: {line}"
        key = f"{metric}{{{','.join(sorted(labels))}}}"
        assert key not in values, f"twice: {key}"
        assert kind != "counter" or not value[3].startswith("-"), line
        values[key] = value[3]
    return values


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as file:
        for key, value in read(file.read()).items():
            print(key, value)
