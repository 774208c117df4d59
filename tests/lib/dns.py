#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS for tests of servers that keep what they are told.

    dns.py answer PORT                  answers each question with a TXT record of 1000 bytes, on 127.0.0.1
    dns.py ask PORT FIRST COUNT         asks for so many names, each once, a few at a time; the names' numbers begin
                                        with FIRST. Prints how many answers with a record came.
"""
import socket
import struct
import sys

TXT, OPT, IN = 16, 41, 1
WINDOW = 8
TTL = 86400
TEXT = bytes([250]) + b"k" * 250


def question(data):
    """The question of a message, as it stands there."""
    end = 12
    while data[end]:
        end += 1 + data[end]
    return data[12:end + 5]


def answer(data):
    header = data[:2] + struct.pack(">HHHHH", 0x8580, 1, 1, 0, 1)
    text = TEXT * 4
    record = struct.pack(">HHHIH", 0xc00c, TXT, IN, TTL, len(text)) + text
    return header + question(data) + record + struct.pack(">BHHIH", 0, OPT, 4096, 0, 0)


def serve(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    print("ready", flush=True)
    while True:
        data, sender = sock.recvfrom(4096)
        sock.sendto(answer(data), sender)


def query(number):
    label = b"name%d" % number
    name = bytes([len(label)]) + label + b"\x04test\x00"
    header = struct.pack(">HHHHHH", number & 0xffff, 0x0100, 1, 0, 0, 1)
    return header + name + struct.pack(">HH", TXT, IN) + struct.pack(">BHHIH", 0, OPT, 4096, 0, 0)


def ask(port, first, count):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.settimeout(60)
    waiting, good, number = set(), 0, first
    while waiting or number < first + count:
        while number < first + count and len(waiting) < WINDOW:
            sock.send(query(number))
            waiting.add(number & 0xffff)
            number += 1
        data = sock.recv(4096)
        ident, flags, _, answers = struct.unpack_from(">HHHH", data)
        waiting.discard(ident)
        good += answers == 1 and flags & 15 == 0
    print(good)


def main(argv):
    if argv[:1] == ["answer"] and len(argv) == 2:
        serve(int(argv[1]))
    elif argv[:1] == ["ask"] and len(argv) == 4:
        ask(*map(int, argv[1:]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
