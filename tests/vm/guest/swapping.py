"""In a guest: swap areas of its own, and memory whose pages are pushed out to them."""

import mmap
import subprocess
from pathlib import Path

PAGE = mmap.PAGESIZE
MADV_NOHUGEPAGE, MADV_PAGEOUT = 15, 21  # asm-generic/mman-common.h; not in Python's mmap
_SCRATCH = Path("/run")


def run(*command: object) -> str:
    """The output of a command that must succeed."""
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def module(name: str, *parameters: str) -> None:
    """Load a module of the guest's kernel; what is built in or missing is none of our business."""
    subprocess.run(["modprobe", "-q", name, *parameters])


def loop_device(name: str, size: int) -> Path:
    """A loop device of `size` bytes in the guest's memory."""
    module("loop")
    image = _SCRATCH / f"{name}.img"
    with image.open("wb") as file:
        file.truncate(size)
    return Path(run("losetup", "--find", "--show", image))


def ext4(name: str, size: int) -> Path:
    """A new ext4 file system of `size` bytes, mounted: swapfiles can live on neither the guest's
    root nor a tmpfs."""
    module("ext4")
    device = loop_device(name, size)
    run("mkfs.ext4", "-q", "-O", "^has_journal", device)
    folder = _SCRATCH / name
    folder.mkdir()
    run("mount", device, folder)
    return folder


def swap_on(area: Path, priority: int | None = None) -> None:
    """Make `area` a swap area and use it."""
    run("mkswap", area)
    run("swapon", *([] if priority is None else ["--priority", priority]), area)


def only_huge_pages_asked_for() -> None:
    """No huge pages but where a program asks for them: one of them has one accessed bit, and
    reclaim takes all of it."""
    Path("/sys/kernel/mm/transparent_hugepage/enabled").write_text("madvise")


def memory(size: int) -> mmap.mmap:
    """Private memory of `size` bytes in single pages, none of them touched yet."""
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(MADV_NOHUGEPAGE)
    return area


def memory_of(dump: Path) -> mmap.mmap:
    """Private memory that holds the pages of a raw dump, every one of them touched."""
    area = memory(dump.stat().st_size)
    with dump.open("rb", buffering=0) as file, memoryview(area) as view:
        done = 0
        while read := file.readinto(view[done:]):
            done += read
    return area
