"""How one input becomes another: the changes that break parsers, chosen by a seeded generator."""

import random
from collections.abc import Callable, Sequence

# What sizes, counts and offsets are compared with, and where integers turn over.
_EDGES = [0, 1, 2, 7, 8, 127, 128, 255, 256, 0xFFFE, 0xFFFF, 1 << 16, (1 << 31) - 1, 1 << 31]
_EDGES += [(1 << 32) - 1, 1 << 32, 1 << 40, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63]
_EDGES += [(1 << 64) - 4096, (1 << 64) - 1]
_WORDS = [b"", b"-1", b"0", b"18446744073709551616", b"9" * 40, b"1e999", b"NaN", b"null", b"[]"]
_WORDS += [b"{}", b"\\134", b"\xff", b"\x1b[2J", b"\n", b" " * 300]

Change = Callable[[random.Random, bytearray, bytes], None]


def _flip(draw: random.Random, data: bytearray, other: bytes) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _byte(draw: random.Random, data: bytearray, other: bytes) -> None:
    data[draw.randrange(len(data))] = draw.randrange(256)


def _number(draw: random.Random, data: bytearray, other: bytes) -> None:
    """Write an edge where a field may be: numbers in files are aligned, mostly."""
    width = draw.choice((1, 2, 4, 8))
    at = draw.randrange(len(data))
    at -= at % width if draw.random() < 0.8 else 0
    value = draw.choice(_EDGES) + draw.choice((0, 0, 0, -1, 1))
    field = (value & (1 << 8 * width) - 1).to_bytes(width, draw.choice(("little", "big")))
    data[at : at + width] = field[: len(data) - at]


def _word(draw: random.Random, data: bytearray, other: bytes) -> None:
    """Put a word in the place of another: for formats that are text."""
    at = draw.randrange(len(data))
    end = at
    while end < len(data) and chr(data[end]).isalnum() and end - at < 40:
        end += 1
    data[at:end] = draw.choice(_WORDS)


def _cut(draw: random.Random, data: bytearray, other: bytes) -> None:
    del data[draw.randrange(len(data)) :]


def _remove(draw: random.Random, data: bytearray, other: bytes) -> None:
    at = draw.randrange(len(data))
    del data[at : at + draw.randrange(1, 64)]


def _repeat(draw: random.Random, data: bytearray, other: bytes) -> None:
    at = draw.randrange(len(data))
    part = bytes(data[at : at + draw.choice((1, 8, 32, 56, 256))])
    data[at:at] = part * draw.choice((1, 1, 2, 16))


def _swap(draw: random.Random, data: bytearray, other: bytes) -> None:
    width = draw.choice((4, 8, 24, 32, 56))
    one, two = draw.randrange(len(data)), draw.randrange(len(data))
    first, second = bytes(data[one : one + width]), bytes(data[two : two + width])
    data[one : one + len(second)], data[two : two + len(first)] = second, first


def _splice(draw: random.Random, data: bytearray, other: bytes) -> None:
    """Go on as another input does."""
    data[draw.randrange(len(data)) :] = other[draw.randrange(len(other) + 1) :]


_CHANGES: Sequence[Change] = (
    *(_flip, _byte, _byte, _number, _number, _number, _number),
    *(_word, _word, _cut, _remove, _repeat, _swap, _splice),
)


def mutated(draw: random.Random, corpus: Sequence[bytes], most: int) -> bytes:
    """An input of at most `most` bytes, some changes away from one of `corpus`."""
    data = bytearray(draw.choice(corpus))
    for _ in range(draw.choice((1, 1, 2, 2, 3, 5, 9))):
        if not data:
            data += draw.choice(corpus) or b"\0"
        draw.choice(_CHANGES)(draw, data, draw.choice(corpus))
    return bytes(data[:most])
