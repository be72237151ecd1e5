"""`ghostswap on` and `off` as a user types them: what is refused, and what --dry-run prints."""

import json
import os
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from ghostswap.application import ghost as application
from ghostswap.cli.app import run
from ghostswap.errors import GhostswapError
from ghostswap.ghost import devicemapper, plan, writeback, zswap_switch
from ghostswap.ghost.areas import Backend, GhostArea
from ghostswap.host.files import HostFiles
from ghostswap.host.swaps import parse_swaps
from ghostswap.kernel.version import KernelVersion
from ghostswap.swapfile import inspection
from ghostswap.swapfile.verdict import Kernel

Output = pytest.CaptureFixture[str]


@pytest.fixture
def ghost(tmp_path: Path, capsys: Output) -> Path:
    path = tmp_path / "the ghost"
    assert run(["mkghost", str(path), "--size", "1G", "--quiet"]) == 0
    capsys.readouterr()
    return path


@pytest.fixture(autouse=True)
def zswap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """zswap's switch on some other machine: off."""
    enabled = tmp_path / "enabled"
    enabled.write_text("N\n")
    real = zswap_switch.zswap_is_on
    monkeypatch.setattr(zswap_switch, "zswap_is_on", lambda: real(enabled))
    monkeypatch.setattr(devicemapper, "check_there", lambda: None)
    return enabled


def complaint(capsys: Output) -> str:
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    return shown.err


def test_dry_run_prints_what_one_would_type(ghost: Path, zswap: Path, capsys: Output) -> None:
    assert run(["on", str(ghost), "--priority", "9", "--enable-zswap", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "echo Y > /sys/module/zswap/parameters/enabled"
    assert f"'{ghost}'" in lines[1]
    assert lines[-1].startswith("swapon --priority 9 ")
    assert zswap.read_text() == "N\n"


def test_dry_run_by_size_makes_the_file_first(zswap: Path, capsys: Output) -> None:
    zswap.write_text("Y\n")
    assert run(["on", "--size", "2G", "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["size_bytes"] == 2 << 30
    assert shown["priority"] is None
    assert shown["commands"][1] == f"ghostswap mkghost {shown['file']} --size {2 << 30}"
    assert not any("zswap" in line for line in shown["commands"])


def test_size_and_path_make_the_file_at_that_path(
    tmp_path: Path, zswap: Path, capsys: Output
) -> None:
    zswap.write_text("Y\n")
    path = tmp_path / "new"
    assert run(["on", str(path), "--size", "2G", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(f"ghostswap mkghost {path} --size {2 << 30}\n")
    assert not path.exists()


@pytest.mark.parametrize(("mode", "status"), [(0o700, 0), (0o1777, 0), (0o777, 1)])
def test_a_new_file_goes_where_nobody_else_could_exchange_it(
    tmp_path: Path, zswap: Path, capsys: Output, mode: int, status: int
) -> None:
    zswap.write_text("Y\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    assert run(["on", str(folder / "new"), "--size", "2G", "--dry-run"]) == status
    shown = capsys.readouterr()
    assert ("others may write to the folder" in shown.err) == bool(status)


def test_size_and_path_take_a_ghost_of_that_size_and_no_other(
    ghost: Path, zswap: Path, capsys: Output
) -> None:
    zswap.write_text("Y\n")
    assert run(["on", str(ghost), "--size", "1G", "--dry-run"]) == 0
    assert "mkghost" not in capsys.readouterr().out
    assert run(["on", str(ghost), "--size", "2G", "--dry-run"]) == 1
    assert "is there, a ghost of 1 GiB and not 2 GiB" in complaint(capsys)


def test_dry_run_says_that_there_is_no_device_mapper(
    ghost: Path, zswap: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    zswap.write_text("Y\n")
    monkeypatch.undo()  # this kernel's own, whether it has one or not
    monkeypatch.setattr(zswap_switch, "zswap_is_on", lambda: True)
    monkeypatch.setattr(devicemapper, "driver_is_to_be_had", lambda node, module: False)
    assert run(["on", str(ghost), "--dry-run"]) == 1
    assert "this kernel has no device mapper" in complaint(capsys)


@pytest.mark.parametrize(("refuses", "lines"), [(True, 1), (False, 0)])
def test_dry_run_has_huge_pages_split_where_zswap_takes_none(
    ghost: Path,
    zswap: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    refuses: bool,
    lines: int,
) -> None:
    zswap.write_text("Y\n")
    monkeypatch.setattr(plan, "zswap_refuses_huge_pages", lambda version: refuses)
    assert run(["on", str(ghost), "--dry-run"]) == 0
    assert capsys.readouterr().out.count("queue/rotational") == lines


@pytest.mark.parametrize("name", ["x\x1b]0;p\x07", "%s\\ \x1b[2J'", "\x9bn\udcff", "a\nb"])
def test_a_name_reaches_the_terminal_as_text_and_a_shell_as_it_is(
    tmp_path: Path, zswap: Path, capsys: Output, name: str
) -> None:
    zswap.write_text("Y\n")
    path = tmp_path / name
    assert run(["mkghost", str(path), "--size", "1G", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["on", str(path), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    word = (
        next(line for line in lines if "losetup" in line).partition("--show ")[2].removesuffix(")")
    )
    printed = subprocess.run(["sh", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert printed.stdout == os.fsencode(path)


def test_no_writeback_is_refused_beside_storage(tmp_path: Path) -> None:
    host = HostFiles(tmp_path)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/swaps").write_text("Filename\n/dev/sda2 partition 1020 8 7\n")
    with pytest.raises(GhostswapError, match=r"no memory.zswap.writeback \(since Linux 6.8"):
        writeback.check(host)
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").touch()
    (group / "memory.zswap.writeback").write_text("1\n")
    with pytest.raises(GhostswapError, match="/dev/sda2 is on, and would get no page"):
        writeback.check(host)


@pytest.mark.parametrize(
    ("setting", "swaps", "version", "words"),
    [
        ("1", "", "6.12", "--no-writeback keeps it from that"),
        ("1", "", "6.18", "pages that do not compress are then refused"),
        ("1", "/dev/dm-0 partition 1020 8 7\n", "6.12", "--no-writeback"),
        ("1", "/dev/sda2 partition 1020 8 7\n", "6.12", None),
        ("0", "", "6.12", None),
        (None, "", "6.1", None),
    ],
)
def test_what_a_full_pool_comes_to_is_said_where_it_can_be_helped(
    tmp_path: Path, setting: str | None, swaps: str, version: str, words: str | None
) -> None:
    host, group = HostFiles(tmp_path), tmp_path / "sys/fs/cgroup"
    dm = tmp_path / "sys/block/dm-0/dm"
    for folder in (tmp_path / "proc", group, dm):
        folder.mkdir(parents=True)
    (dm / "uuid").write_text("ghostswap-a\n")
    (dm / "name").write_text("ghostswap-a\n")
    (tmp_path / "proc/swaps").write_text(f"Filename Type Size Used Priority\n{swaps}")
    (group / "cgroup.controllers").touch()
    if setting is not None:
        (group / "memory.zswap.writeback").write_text(f"{setting}\n")
    advice = writeback.advice(host, KernelVersion.parse(version))
    assert (words is None) == (advice is None)
    assert (words or "") in (advice or "")
    if version == "6.12" and advice:
        assert "refused" not in advice


@pytest.mark.parametrize(("words", "lines"), [([], 1), (["--quiet"], 0)])
def test_dry_run_says_so_too(
    ghost: Path,
    zswap: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    lines: int,
) -> None:
    zswap.write_text("Y\n")
    monkeypatch.setattr(writeback, "advice", lambda host, version: "a full pool")
    assert run(["on", str(ghost), "--dry-run", *words]) == 0
    assert capsys.readouterr().err.count("a full pool") == lines


def test_writeback_is_put_back_as_it_was_also_by_another_run(tmp_path: Path) -> None:
    group, note = tmp_path / "sys/fs/cgroup", tmp_path / "note"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").touch()
    switch, host = group / "memory.zswap.writeback", HostFiles(tmp_path)
    switch.write_text("1\n")
    writeback.allow_again(host, note)
    assert switch.read_text() == "1\n"
    assert writeback.forbid(host, note)
    assert switch.read_text() == "0"
    assert not writeback.forbid(host, note)
    writeback.allow_again(host, note)
    assert (switch.read_text(), note.exists()) == ("1", False)
    switch.write_text("0\n")  # the administrator's own
    assert not writeback.forbid(host, note)
    writeback.allow_again(host, note)
    assert switch.read_text() == "0\n"


def test_without_zswap_the_pages_would_have_nowhere_to_go(
    ghost: Path, zswap: Path, capsys: Output
) -> None:
    assert run(["on", str(ghost), "--dry-run"]) == 1
    assert "--enable-zswap turns it on" in complaint(capsys)
    zswap.unlink()
    assert run(["on", str(ghost), "--dry-run", "--enable-zswap"]) == 1
    assert "CONFIG_ZSWAP" in complaint(capsys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no swap", "no ghost: `ghostswap mkghost` writes one"),
        (bytes(1 << 20), "no ghost: `ghostswap mkghost` writes one"),
    ],
)
def test_what_is_no_ghost_is_refused(
    tmp_path: Path, content: bytes, words: str, capsys: Output
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert run(["on", str(tmp_path / "file"), "--dry-run"]) == 1
    assert words in complaint(capsys)


def test_a_swapfile_is_left_to_swapon(ghost: Path, capsys: Output) -> None:
    os.truncate(ghost, 1 << 30)
    assert run(["on", str(ghost), "--dry-run"]) == 1
    assert "no ghost but a swapfile" in complaint(capsys)


def test_a_ghost_for_other_pages_or_with_bad_ones_is_refused(
    tmp_path: Path, ghost: Path, capsys: Output
) -> None:
    other = tmp_path / "other"
    size = 16384 if os.sysconf("SC_PAGE_SIZE") == 4096 else 4096
    run(["mkghost", str(other), "--size", "1G", "--page-size", str(size), "--quiet"])
    capsys.readouterr()
    assert run(["on", str(other), "--dry-run"]) == 1
    assert "Unable to find swap-space signature" in complaint(capsys)
    page = bytearray(ghost.read_bytes())
    page[1032:1036] = (1).to_bytes(4, "little")
    page[1536:1540] = (7).to_bytes(4, "little")
    ghost.write_bytes(page)
    assert run(["on", str(ghost), "--enable-zswap", "--dry-run"]) == 1
    assert "bad pages" in complaint(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["on"],
        ["on", "--size", "1"],
        ["on", "ghost", "--priority", "32768"],
        ["on", "ghost", "--priority", "-1"],
        ["off", "ghost", "--all"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words: list[str], capsys: Output) -> None:
    assert run([*words, "--dry-run"] if words[0] == "on" else words) == 2
    assert complaint(capsys)


def test_only_root_may_switch(ghost: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run(["on", str(ghost)]) == 1
    assert "must be root" in complaint(capsys)
    assert run(["off", str(ghost)]) == 1
    assert "must be root" in complaint(capsys)


def test_off_wants_to_know_which_of_several(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    on = parse_swaps(b"Filename\n/dev/dm-0 partition 8 0 3\n/dev/dm-1 partition 8 0 2\n")
    left = [
        GhostArea(f"ghostswap-{swap.priority}", Backend.DEVICE_MAPPER, Path(), None, (), swap)
        for swap in on
    ]
    monkeypatch.setattr(application, "find_areas", lambda *_: left)
    monkeypatch.setattr(application, "one_at_a_time", nullcontext)  # only root may hold the lock
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert run(["off"]) == 2
    assert "which one? ghostswap-3, ghostswap-2; or --all" in complaint(capsys)
    assert run(["off", "no-such-area"]) == 1
    assert "no ghost area of this name" in complaint(capsys)


@pytest.mark.parametrize("there", [True, False])
def test_inspect_of_a_ghost_says_whether_it_can_be_switched_on(
    ghost: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def check_there() -> None:
        if not there:
            raise GhostswapError("/dev/mapper/control", "this kernel has no device mapper")

    monkeypatch.setattr(devicemapper, "check_there", check_there)
    monkeypatch.setattr(inspection, "running_kernel", lambda: Kernel.STOCK)
    assert run(["inspect", "--json", str(ghost)]) == 0
    document = json.loads(capsys.readouterr().out)
    (warning,) = (line for line in document[0]["warnings"] if "takes no ghost" in line)
    end = (
        f"ghostswap on '{ghost}' swaps to it all the same"
        if there
        else "nor can ghostswap on swap to it: this kernel has no device mapper"
    )
    assert warning == f"this kernel takes no ghost file; {end}"


def test_dry_run_says_first_what_cannot_be_mended(
    ghost: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """zswap is off as well, which one would turn on in vain."""

    def check_there() -> None:
        raise GhostswapError("/dev/mapper/control", "this kernel has no device mapper")

    monkeypatch.setattr(devicemapper, "check_there", check_there)
    monkeypatch.setattr(application, "running_kernel", lambda: Kernel.STOCK)
    assert run(["on", str(ghost), "--dry-run"]) == 1
    assert "no device mapper" in complaint(capsys)
