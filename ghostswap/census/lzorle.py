"""How many bytes the kernel's lzo-rle makes of a page. No library has lzo-rle, so this is our own.

lzo-rle is LZO1X-1 with an instruction for runs of zeros. Only the length is worked out, so nothing
is written. It takes 0.2 to 0.5 ms a page, which does for samples: lzorle.c says the same in C, for
installs that have it compiled (ghostswap.census.models).

Source of the rules: lib/lzo/lzo1x_compress.c, lzo1x_1_do_compress(), and lib/lzo/lzodefs.h (Linux
6.18); Documentation/staging/lzo.rst.
"""

import numpy as np

_DICTIONARY_BITS = 13
_HASH_FACTOR = 0x1824429D
_TAIL = 20  # bytes at the end of a block that are never searched
_M2_MAX_LENGTH, _M2_MAX_OFFSET = 8, 0x0800
_M3_MAX_LENGTH, _M3_MAX_OFFSET = 33, 0x4000
_M4_MAX_LENGTH, _M4_MAX_OFFSET = 9, 0xBFFE
_MIN_ZERO_RUN, _MAX_ZERO_RUN = 4, 2047 + 4
_STREAM_HEADER, _END_MARKER, _ZERO_RUN_INSTRUCTION = 2, 3, 4
_EXTENSION = 255  # what each further length byte adds


def compressed_bytes(page: memoryview) -> int:
    """The length of what lzo-rle makes of `page`, which the kernel's own equals byte for byte."""
    length, pending = _STREAM_HEADER, 0
    data = bytes(page)
    for start in range(0, len(data), _M4_MAX_OFFSET + 1):
        block = data[start : start + _M4_MAX_OFFSET + 1]
        if len(block) <= _TAIL:
            pending += len(block)
            break
        written, pending = _block(block, pending)
        length += written
    if pending:
        first = length == _STREAM_HEADER and pending <= 238
        length += 1 + pending if first else _literals(pending)
    return length + _END_MARKER


def _block(data: bytes, pending: int) -> tuple[int, int]:
    """Bytes written for one block, and literals at its end that are not written yet."""
    raw = np.frombuffer(data, dtype=np.uint8).astype(np.uint32)
    # All four-byte words and their dictionary places at once; the walk then only looks them up.
    words = raw[:-3] | raw[1:-2] << 8 | raw[2:-1] << 16 | raw[3:] << 24
    places = ((words * np.uint32(_HASH_FACTOR)) >> (32 - _DICTIONARY_BITS)).tolist()
    word = words.tolist()
    end = len(data) - _TAIL
    dictionary = [0] * (1 << _DICTIONARY_BITS)
    written = 0
    literals_from = 0  # what precedes this is encoded; `pending` more bytes are from the last block
    at = max(4 - pending, 0)
    at += 1 + (at >> 5)
    while at < end:
        here = word[at]
        if here:
            place = places[at]
            match = dictionary[place]
            dictionary[place] = at
            if word[match] != here:
                at += 1 + ((at - literals_from) >> 5)
                continue
        written += _literals(at - literals_from + pending)
        pending = 0
        if here:
            stop = _match_end(data, match, at, end)
            written += _match(stop - at, at - match)
        else:
            stop = _zeros_end(data, at, end)
            written += _ZERO_RUN_INSTRUCTION
        at = literals_from = stop
    return written, len(data) - literals_from + pending


def _zeros_end(data: bytes, at: int, end: int) -> int:
    """Where the run of zeros that begins at `at` ends, no later than the search does."""
    limit = min(end, at + _MAX_ZERO_RUN)
    stop = at + _MIN_ZERO_RUN
    while stop < limit and data[stop] == 0:
        stop += 1
    return stop


def _match_end(data: bytes, match: int, at: int, end: int) -> int:
    """Where what begins at `at` stops to equal what begins at `match`.

    The kernel compares eight bytes at a time and looks for the end of the search only between two
    such steps, so a match may reach up to seven bytes beyond it.
    """
    length = 4
    while data[at + length : at + length + 8] == data[match + length : match + length + 8]:
        length += 8
        if at + length >= end:
            return at + length
    while data[at + length] == data[match + length]:
        length += 1
    return at + length


def _literals(count: int) -> int:
    """Bytes that a run of literals takes, its instruction included."""
    if count <= 3:
        return count  # the count fits into the instruction before
    if count <= 18:
        return 1 + count
    return 2 + (count - 19) // _EXTENSION + count


def _match(length: int, offset: int) -> int:
    """Bytes that a match takes."""
    if length <= _M2_MAX_LENGTH and offset <= _M2_MAX_OFFSET:
        return 2
    longest = _M3_MAX_LENGTH if offset <= _M3_MAX_OFFSET else _M4_MAX_LENGTH
    if length <= longest:
        return 3
    return 4 + (length - longest - 1) // _EXTENSION
