#!/usr/bin/env python3
"""Makes seeds for the fuzzers, those of formats from the examples in docs/formats: seeds.py <folder>.

Writes <folder>/<fuzzer>/seed-NN.
"""
import os
import random
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TEXTS = ["orders", "user/*/inbox", "_dead/a", "größe", "2026-01-31T08:00:00.25+02:00", "+5m", "now",
         "1h30m", "1.5s", "250ms", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "grpc.listne"]


def examples(page):
    """[(kind, text without comments)] of a page's fenced examples."""
    with open(os.path.join(ROOT, "docs/formats", page), encoding="utf-8") as file:
        blocks = re.findall(r"^```(hex|text) [^\n]*\n(.*?)^```", file.read(), re.M | re.S)
    return [(kind, re.sub(r"#.*", "", body)) for kind, body in blocks]


def write(folder, name, seeds):
    target = os.path.join(folder, name)
    os.makedirs(target, exist_ok=True)
    for number, seed in enumerate(seeds):
        with open(os.path.join(target, f"seed-{number:02}"), "wb") as file:
            file.write(seed)


def main():
    folder = sys.argv[1]
    records = [bytes.fromhex(body) for kind, body in examples("event.md") if kind == "hex"]
    groups = b"\x0b" * 5 + b"\x0c" * 5
    write(folder, "record_fuzz", records + [groups, b"\x42\x04\x0b\x08\x01\x0c", b"\x52\x00\x52\x01\xff"])
    cursors = []
    for kind, body in examples("cursor.md"):
        # 'r': the fuzzer puts the CRC behind it itself.
        cursors.append(b"r" + bytes.fromhex(body)[:-4] if kind == "hex" else body.strip().encode())
    write(folder, "cursor_fuzz", cursors)
    write(folder, "text_fuzz", [text.encode() for text in TEXTS])
    # The first byte chooses: 'F' a frame, 'a' to 'g' a request's metadata by MIME type, 'h' composite.
    pieces = [bytes.fromhex(body) for kind, body in examples("rsocket.md") if kind == "hex"]
    write(folder, "rsocket_frame_fuzz", [choice + piece for piece in pieces for choice in (b"F", b"a", b"f", b"h")])
    # Its bytes are choices, of which any will do; the first says what kind of session.
    dice = random.Random(1)
    write(folder, "rsocket_session_fuzz", [bytes([kind]) + dice.randbytes(2000) for kind in range(16)])


if __name__ == "__main__":
    main()
