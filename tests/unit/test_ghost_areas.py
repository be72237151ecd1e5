"""Ghost areas are found in proc and sys, without a note that anyone kept."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.ghost.areas import Backend, GhostArea, area_of, find_areas, plain_name
from ghostswap.ghost.plan import check_memory
from ghostswap.host.files import HostFiles
from ghostswap.host.memory import Memory
from ghostswap.swapfile.running import PAGE_SIZE

KIB = 1024
HEADING = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def memory(**lines: int | None) -> Memory:
    """Lines of /proc/meminfo; the others are absent."""
    names = [field.name for field in fields(Memory)]
    return Memory(**dict.fromkeys(names) | lines)


def mapped(root: Path, node: str, uuid: str, backing: str = "/ghost") -> None:
    """A device-mapper device over a loop device, as sysfs shows it."""
    number = node.removeprefix("dm-")
    write(root / f"sys/block/{node}/dm/uuid", uuid + "\n")
    write(root / f"sys/block/{node}/dm/name", uuid.replace("ghostswap-", "ghostswap-name-") + "\n")
    (root / f"sys/block/{node}/slaves/loop{number}").mkdir(parents=True)
    write(root / f"sys/block/loop{number}/loop/backing_file", backing + "\n")


def test_mapped_devices_of_ours_are_found_on_or_not(tmp_path: Path) -> None:
    mapped(tmp_path, "dm-0", "ghostswap-a", "/somewhere/ghost")
    mapped(tmp_path, "dm-1", "ghostswap-b", "/gone (deleted)")
    mapped(tmp_path, "dm-2", "LVM-c")
    write(
        tmp_path / "proc/swaps",
        f"{HEADING}/dev/dm-0 partition 1020 8 7\n/dev/dm-2 partition 1020 8 -2\n",
    )
    first, second, third = find_areas(
        HostFiles(tmp_path), ["ghostswap-d", "ghostswap-name-a", "other"]
    )  # d was created, and got no table
    assert (first.name, first.backend, first.device) == (
        "ghostswap-d",
        Backend.DEVICE_MAPPER,
        Path("/dev/mapper/ghostswap-d"),
    )
    assert first.swap is None
    assert (second.name, second.file) == ("ghostswap-name-a", Path("/somewhere/ghost"))
    assert second.loops == (Path("/dev/loop0"),)
    assert second.swap is not None
    assert (second.size, second.swap.used, second.swap.priority) == (
        1020 * 1024 + PAGE_SIZE,
        8192,
        7,
    )
    assert (third.name, third.file, third.swap) == ("ghostswap-name-b", None, None)


def test_an_area_swapped_on_by_its_mapper_name_is_the_same(tmp_path: Path) -> None:
    mapped(tmp_path, "dm-0", "ghostswap-a")
    write(tmp_path / "proc/swaps", f"{HEADING}/dev/mapper/ghostswap-name-a partition 1020 0 -2\n")
    (area,) = find_areas(HostFiles(tmp_path))
    assert area.swap is not None


def test_a_kernels_own_ghost_is_told_by_its_single_page(tmp_path: Path) -> None:
    (tmp_path / "ghost file").write_bytes(bytes(PAGE_SIZE))
    (tmp_path / "swapfile").write_bytes(bytes(16 * PAGE_SIZE))
    write(
        tmp_path / "proc/swaps",
        f"{HEADING}/ghost\\040file file 1048572 0 -2\n/swapfile file 60 0 -3\n",
    )
    (area,) = find_areas(HostFiles(tmp_path))
    assert (area.backend, area.file) == (Backend.KERNEL, Path("/ghost file"))


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find_areas(HostFiles(tmp_path)) == ()


def test_an_area_is_found_by_any_name_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "ghost"
    file.touch()
    (tmp_path / "link").symlink_to(file)
    area = GhostArea("ghostswap-x", Backend.DEVICE_MAPPER, Path("/dev/dm-0"), file, (), None)
    assert area_of((tmp_path / "link").stat(), [area]) is area
    assert area_of(tmp_path.stat(), [area]) is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a ghost", "ghostswap-a_ghost"),
        ("ü/$(x)", "ghostswap-__x_"),
        ("g" * 99, f"ghostswap-{'g' * 40}"),
    ],
)
def test_names_are_what_device_mapper_leaves_as_they_are(file: str, name: str) -> None:
    assert plain_name(Path(file)) == name


def test_off_is_refused_when_memory_does_not_suffice(tmp_path: Path) -> None:
    mapped(tmp_path, "dm-0", "ghostswap-a")
    write(tmp_path / "proc/swaps", f"{HEADING}/dev/dm-0 partition 1020 512 7\n")
    areas = find_areas(HostFiles(tmp_path))
    check_memory(areas, memory(mem_available=512 * KIB))
    check_memory(areas, memory(mem_available=None))
    with pytest.raises(GhostswapError, match=r"needs 512 KiB of memory, 511 KiB are available"):
        check_memory(areas, memory(mem_available=511 * KIB))


@pytest.mark.parametrize(
    ("pool", "cached", "all_used", "takes"),
    [
        (0, 0, 512, 512),
        (200, 0, 512, 312),  # freed page by page
        (0, 100, 512, 412),  # in memory already
        (200, 100, 512, 212),
        (200, 100, 1024, 362),  # half of both is another area's
        (600, 0, 512, 0),
        (200, 100, 256, 212),  # read a moment later
    ],
)
def test_what_comes_back_frees_its_compressed_copy(
    tmp_path: Path, pool: int, cached: int, all_used: int, takes: int
) -> None:
    mapped(tmp_path, "dm-0", "ghostswap-a")
    write(tmp_path / "proc/swaps", f"{HEADING}/dev/dm-0 partition 1020 512 7\n")
    areas = find_areas(HostFiles(tmp_path))
    host = memory(
        zswap=pool * KIB,
        swap_cached=cached * KIB,
        swap_total=2048 * KIB,
        swap_free=(2048 - all_used) * KIB,
    )
    check_memory(areas, replace(host, mem_available=takes * KIB))
    if takes:
        with pytest.raises(GhostswapError, match="--force"):
            check_memory(areas, replace(host, mem_available=takes * KIB - 1))
