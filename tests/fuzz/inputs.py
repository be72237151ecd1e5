"""What fuzzing starts from: a few small inputs of every format, whole ones that parse."""

import bz2
import gzip
import io
import json
import lzma
import struct
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cramjam
import lz4.frame
import numpy as np
import zstandard

from ghostswap.census.columns import Origin, Reduction
from ghostswap.census.distinct import distinct_contents
from ghostswap.census.parquet import write
from ghostswap.census.salt import Salt
from ghostswap.census.table import Census, Cost, Measured, Sample, SourceRows
from ghostswap.pages.source import Facts, Mapping, Segment, SourceKind
from ghostswap.swapfile import header
from ghostswap.swapfile.layout import Endianness
from tests.cores import PAGE, Part, elf_core

FIXTURES = Path(__file__).parent.parent / "fixtures" / "hosts"


def swap_areas() -> list[bytes]:
    """Header pages in each page size and byte order, with and without bad pages."""
    pages = []
    for size, order, bad in (
        (4096, Endianness.LITTLE, ()),
        (4096, Endianness.BIG, ()),
        (16384, Endianness.LITTLE, ()),
        (4096, Endianness.LITTLE, (1, 2, 5)),
    ):
        pages.append(
            header.build(
                header.Header(
                    1, 15, len(bad), bad, bytes(16), b"label".ljust(16, b"\0"), size, order
                )
            )
        )
    return [*pages, pages[0] + bytes(2 * PAGE), pages[3] + b"x" * 15 * PAGE, b"SWAP-SPACE"]


def note(owner: bytes, kind: int, description: bytes) -> bytes:
    """One ELF note, padded as they are in cores."""
    name = owner + b"\0"
    padded = name.ljust(-(-len(name) // 4) * 4, b"\0")
    body = description.ljust(-(-len(description) // 4) * 4, b"\0")
    return struct.pack("<III", len(name), len(description), kind) + padded + body


def core_with_notes(*notes: bytes) -> bytes:
    """A core of one page whose first segment is PT_NOTE."""
    joined = b"".join(notes)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    start = 64 + 2 * 56
    head = struct.pack("<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 4, 0, start, 0, 0, len(joined), 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 6, start + len(joined), PAGE, 0, PAGE, PAGE, PAGE)
    return head + joined + b"d" * PAGE


def cores() -> list[bytes]:
    """Cores of processes and of a machine; segments left out, shifted and many."""
    files = note(b"CORE", 0x46494C45, struct.pack("<5Q", 1, PAGE, PAGE, 2 * PAGE, 0) + b"/lib\0")
    return [
        elf_core(Part(b"1" * 2 * PAGE), Part(b"2" * PAGE), gap=13),
        elf_core(Part(b"1" * PAGE, memory_bytes=9 * PAGE), Part(b""), Part(b"x" * 5)),
        elf_core(*[Part(b"z" * 8)] * 20, xnum=True),
        core_with_notes(files),
        core_with_notes(note(b"VMCOREINFO", 0, b"OSRELEASE=6.18"), note(b"QEMU", 0, bytes(440))),
        elf_core(Part(b"1" * PAGE), e_type=3),
    ]


def ranges(magic: bytes, wrap: bool) -> bytes:
    """Two ranges of a LiME file, or (`wrap`) of a compressed AVML file."""
    out = b""
    for first, data in ((0x1000, b"a" * PAGE + bytes(PAGE)), (0x9000, bytes(range(256)) * 16)):
        out += magic + struct.pack("<QQQ", first, first + len(data) - 1, 0)
        packed = bytes(cramjam.snappy.compress(data)) if wrap else data
        out += packed + (struct.pack("<Q", len(packed)) if wrap else b"")
    return out


def lime_files() -> list[bytes]:
    """Memory of a machine as LiME writes it."""
    return [ranges(b"EMiL\1\0\0\0", wrap=False)]


def avml_files() -> list[bytes]:
    """Memory of a machine as AVML compresses it."""
    return [ranges(b"AVML\2\0\0\0", wrap=True)]


def criu_pagemaps() -> list[bytes]:
    """A pagemap with entries of every kind, in the new and the old form."""
    magic = struct.pack("<II", 0x54564319, 0x56084025)

    def message(*fields: int) -> bytes:
        body = bytes(fields)
        return struct.pack("<I", len(body)) + body

    new = magic + message(8, 7) + message(8, 1, 16, 9, 32, 4) + message(8, 2, 16, 3, 32, 1)
    old = magic + message(8, 7) + message(8, 1, 16, 9) + message(8, 2, 16, 3, 24, 1)
    odd = magic + message(8, 7) + message(13, 1, 2, 3, 4, 18, 1, 65, 17, *bytes(8), 16, 0x80, 1)
    return [new, old, odd]


def compressed_files() -> list[bytes]:
    """The same dump in every compressed format, alone, doubled, and as frames with all fields."""
    plain = b"text of a page " * 200 + bytes(PAGE) + bytes(range(256)) * 8
    frames = zstandard.ZstdCompressor(write_checksum=True, write_content_size=True)
    stream = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as writer:
        writer.write(plain)
    packed = [
        gzip.compress(plain, mtime=0),
        lzma.compress(plain),
        lzma.compress(plain, check=lzma.CHECK_NONE, preset=0),
        frames.compress(plain),
        stream.getvalue(),
        struct.pack("<II", 0x184D2A50, 4) + b"skip" + frames.compress(plain),
        lz4.frame.compress(plain),
        lz4.frame.compress(plain, content_checksum=True, block_checksum=True, block_linked=False),
    ]
    return [*packed, packed[0] * 2, packed[3] * 2, bz2.compress(plain)]


def a_census() -> Census:
    """A small census with all kinds of pages, two sources and two algorithms."""
    hashes = np.array([5, 9, 5, 77, 1234, 9, 4], dtype=np.uint64)
    readable = np.array([True, True, True, True, True, True, False])
    contents = distinct_contents(hashes, readable, 0, 5, [np.array([9], dtype=np.uint64)])
    sizes = np.where(contents.zero, 0, 1000).astype(np.uint16)
    sources = (
        SourceRows(Facts("one", SourceKind.RAW), 0, 4, ()),
        SourceRows(
            Facts("two", SourceKind.PROCESS, absent=1, swapped=2, warnings=("w",)),
            4,
            3,
            (Segment(0, 3, Mapping.HEAP),),
        ),
    )
    measured = (
        Measured("lz4", sizes, Cost(1.0, 2.0), 0.0),
        Measured("zstd", sizes, None, 0.001),
    )
    return Census(PAGE, 0, sources, hashes, readable, contents, measured, False, None, "")


@cache
def census_files() -> list[bytes]:
    """Saved censuses: whole, of a sample, without order, one content in two, and of schema 1."""
    census = a_census()
    strata = np.zeros(len(census.contents.hash), dtype=np.int32)
    sampled = replace(census, sample=Sample(0.005, 2, 5, strata))
    with TemporaryDirectory() as folder:
        path = Path(folder, "census")
        collected = []
        origin = Origin("fuzz", datetime(2026, 11, 21, tzinfo=UTC), "6.12.1", 1 << 30)
        for each, how in (
            (census, Reduction()),
            (sampled, Reduction()),
            (census, Reduction(private=True)),
            (census, Reduction(one_in=2)),
        ):
            write(each, path, Salt(b"fuzz"), origin, how)
            collected.append(path.read_bytes())
        collected.append((FIXTURES.parent / "census-1.parquet").read_bytes())
        return collected


def swaps_files() -> list[bytes]:
    """/proc/swaps of real kernels, and names that the kernel had to escape."""
    odd = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    odd += (
        b"/a\\040b\\134 file\t 4092\t0\t-2\n/gone\\040(deleted) file 1 0 -3\nxswap0 ghost 8 0 5\n"
    )
    return [odd, *(path.read_bytes() for path in sorted(FIXTURES.glob("*/proc/swaps")))]


def maps_files() -> list[bytes]:
    """/proc/PID/maps and mountinfo, one behind the other after a NUL."""
    maps = (
        b"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus\n"
        b"e03f7000-e0400000 rw-p 00000000 00:00 0           [heap]\n"
        b"35b1a21000-35b1a22000 rw-s 00000000 00:01 3       /memfd:x y (deleted)\n"
        b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
    )
    mounts = (
        b"22 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n"
        b"30 22 0:26 / /dev/shm rw - tmpfs tmpfs rw\n31 22 0:27 / /h rw - hugetlbfs none rw\n"
    )
    return [maps + b"\0" + mounts]


def scan_answers() -> list[bytes]:
    """Answers of PAGEMAP_SCAN: how many regions, walk_end (also below them), the regions."""

    def answer(walk_end: int, *pages: int) -> bytes:
        regions = b"".join(struct.pack("<3Q", at * PAGE, (at + 1) * PAGE, 8) for at in pages)
        return bytes([len(pages)]) + struct.pack("<Q", walk_end) + regions

    far = 1 << 40
    return [
        answer(3 * PAGE, 1, 3, 5) + answer(64 * PAGE) + answer(far + 64 * PAGE),
        answer(64 * PAGE, *range(1, 63, 2)) + answer(far + PAGE, far // PAGE, far // PAGE + 2),
    ]


def status_files() -> list[bytes]:
    """/proc/PID/status with names that look like its lines, and /proc/zoneinfo."""
    sizes = b"RssAnon:\t    1024 kB\nRssShmem:\t   8 kB\nVmLck:\t 0 kB\nVmSwap:\t 4 kB\n"
    return [
        b"Name:\t\rVmLck:x\nUmask:\t0022\n" + sizes,
        b"Name:\tUid:\\t0\x0bVmSwap: 9 kB\n" + sizes,
        b"Node 0, zone   Normal\n        spanned  5505024\n  start_pfn:           1048576\n",
    ]


def pagemap_files() -> list[bytes]:
    """Entries of /proc/PID/pagemap: absent, present, of a file, swapped, in runs."""
    anon, file, swapped = 1 << 63 | 7, 1 << 63 | 1 << 61 | 9, 1 << 62 | 3
    return [struct.pack("<12Q", 0, anon, anon, file, swapped, 0, anon, 0, file, anon, 0, swapped)]


def statistics_files() -> list[bytes]:
    """Text that the kernel shows: counters of zram, meminfo, vmstat, a configuration."""
    names = ["proc/meminfo", "proc/vmstat", "sys/block/zram0/mm_stat", "sys/block/zram0/io_stat"]
    names += ["sys/block/zram0/comp_algorithm", "proc/sys/kernel/osrelease"]
    collected = [
        path.read_bytes()[:2000] for name in names for path in sorted(FIXTURES.glob("*/" + name))
    ]
    return [
        *collected,
        b"0 0 0\n",
        b"#1: lzo [zstd]\n#2: [deflate]\n",
        b"CONFIG_ZSWAP=y\n# X is not set\n",
    ]


@cache
def estimates() -> list[bytes]:
    """What `estimate-dedup --json` prints, of that census."""
    from ghostswap.kernel.rules import rules_for
    from ghostswap.kernel.version import KernelVersion
    from ghostswap.report.estimate import Estimate, document
    from ghostswap.systems.comparison import compare

    census = a_census()
    rules = rules_for(KernelVersion.parse("6.12.1"), {})
    text = json.dumps(document(Estimate(census, compare(census, rules))))
    return [text.encode(), b'{"schema": "ghostswap.estimate/2"}', b"[" * 3000]


def lru_gen_files() -> list[bytes]:
    """debugfs lru_gen with two groups, and the longer form of lru_gen_full."""
    short = (
        b"memcg     1 /\n node     0\n          0      21652        108        2405 \n"
        b"memcg    42 /a b\n node     0\n          5     130000       2048           0 \n"
        b"          6      10000        512           9 \n"
    )
    return [short, short.replace(b"2048 ", b"2048x") + b"              0          1r          2e\n"]


def tried_regions() -> list[bytes]:
    """A line per region of DAMON: start, end, age."""
    return [b"0 4096 12\n1099511627776 1099511631872 3\n4096 8192 7"]
