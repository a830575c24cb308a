"""Converts programs of fuzz_server (server_program.h) between text and bytes.

usage: server_program.py show FILE        prints a program, for example a crash
       server_program.py make < TEXT > FILE

A text is a line "plan N", then one act per line: its name, LATER and KEEP if set, and its numbers.
A phrase may be given by name. The bytes of SAY_BYTES follow in hexadecimal, as "bytes HEX".
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = {"LATER": 0x80, "KEEP": 0x40}
MASK = 0x3F


def names_of(header, enum):
    """The names of an enum without values. The last name is the number of values."""
    body = re.search(rf"enum {enum} \{{(.*?)\}};", (HERE / header).read_text(), re.DOTALL).group(1)
    return re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL).replace(",", " ").split()


ACTS = names_of("server_program.h", "act")[:-1]
PHRASES = names_of("server_crowd.h", "phrase")[:-1]


def show(program):
    yield f"plan {program[0]}"
    at = 1
    while at + 4 <= len(program):
        head, who, a, b = program[at : at + 4]
        at += 4
        act = ACTS[(head & MASK) % len(ACTS)]
        flags = [name for name, bit in FLAGS.items() if head & bit]
        yield " ".join(
            [act, *flags, str(who), PHRASES[a % len(PHRASES)] if act == "SAY" else str(a), str(b)]
        )
        if act == "SAY_BYTES":
            count = min(a % 16 * 4, len(program) - at)
            yield f"bytes {program[at : at + count].hex()}"
            at += count


def make(lines):
    program = b""
    for line in lines:
        first, *rest = line.split() or [""]
        if first == "plan":
            program += bytes([int(rest[0])])
        elif first == "bytes":
            program += bytes.fromhex("".join(rest))
        elif first:
            numbers = [
                PHRASES.index(word) if word in PHRASES else int(word)
                for word in rest
                if word not in FLAGS
            ]
            head = ACTS.index(first) | sum(FLAGS[word] for word in rest if word in FLAGS)
            program += bytes([head, *(numbers + [0, 0, 0])[:3]])
    return program


def main(arguments):
    if arguments[:1] == ["show"] and len(arguments) == 2:
        print("\n".join(show(pathlib.Path(arguments[1]).read_bytes())))
    elif arguments == ["make"]:
        sys.stdout.buffer.write(make(sys.stdin))
    else:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
