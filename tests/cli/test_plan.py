"""`ghostswap plan` as a user runs it: sizes, numbers for other programs, and what is refused."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.cli.app import run
from ghostswap.kernel.slots import Design
from ghostswap.report.comparison import looks_like_json

PAGE = 4096
GIB = 1 << 30
MACHINE = ("--ram", "8G", "--max-pool-percent", "20", "--kernel", "6.18", "--page-size", "4096")


def ghostswap(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ghostswap", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def plan(*arguments: str | Path, stdin: str = "") -> str:
    done = ghostswap("plan", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def joined(text: str) -> str:
    """The text with its lines joined."""
    return " ".join(text.split())


def document(*arguments: str | Path, stdin: str = "") -> dict[str, Any]:
    planned = json.loads(plan("--json", *arguments, stdin=stdin))
    assert planned["schema"] == "ghostswap.plan/2"
    return dict(planned)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 pages: a third zero, a third two copies each, all of them compressible."""
    made = random.Random(1)
    pages = [bytes(PAGE)] * 200
    for _ in range(100):
        pages += [(made.randbytes(700) * 6)[:PAGE]] * 2
    pages += [(made.randbytes(700) * 6)[:PAGE] for _ in range(200)]
    path = tmp_path_factory.mktemp("plan") / "pages.raw"
    path.write_bytes(b"".join(pages))
    return path


@pytest.fixture(scope="module")
def report(dump: Path) -> Path:
    """An estimate of the dump by two algorithms."""
    done = ghostswap(
        "estimate-dedup", dump, "--json", "--page-size", str(PAGE), "--kernel", "6.18",
        "--algorithm", "lz4", "--algorithm", "zstd", "--jobs", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = dump.with_suffix(".json")
    path.write_text(done.stdout)
    return path


def test_the_answer_comes_first_in_three_lines_that_fit_a_terminal(report: Path) -> None:
    measured = [str(report), *MACHINE]
    every = [[*measured, "--system", each] for each in ("zram", "zram+dedup", "zswap+dedup", "ksm")]
    every += [measured, [*measured, "--demand", "capacity"]]
    every += [["--ratio", each, *MACHINE] for each in ("3", "0.5")]
    every += [["--ratio", "3", *MACHINE, "--demand", "700G"], ["--ratio", "3", "--ram", "900G"]]
    for arguments in every:
        first, second, third, blank, *_ = plan(*arguments).splitlines()
        assert first.startswith("Make it ")
        assert " would be swapped" in second
        assert third.startswith("Limited by ")
        assert blank == ""
        assert max(map(len, (first, second, third))) <= 80


def test_the_answer_says_what_its_words_say(report: Path) -> None:
    counted = document(report, *MACHINE)
    assert counted["answer"] == {
        "size_bytes": counted["plans"][0]["recommended"]["bytes"],
        "system": "zswap",
        "algorithm": "lz4",
        "design": "ghost",
        "demand_bytes": 400 * PAGE,  # without zero pages
        "demand_source": "counted",
        "ratio": counted["plans"][0]["ratio"],
        "limited_by": "demand",
    }
    filled = document(report, *MACHINE, "--demand", "capacity")["answer"]
    assert (filled["demand_source"], filled["limited_by"]) == ("capacity", "pool")
    asked = document(report, *MACHINE, "--demand", "1G", "--system", "zram")["answer"]
    assert (asked["demand_source"], asked["demand_bytes"]) == ("given", GIB)
    assert asked["design"] == "zram"
    assert plan(report, *MACHINE).splitlines()[:3] == [
        "Make it 2 MiB (1.6 MiB rounded up): a ghost for zswap with lz4.",
        f"1.6 MiB would be swapped: all that was counted, at a ratio of {filled['ratio']:.2f}.",
        plan(report, *MACHINE).splitlines()[2],
    ]


def test_swapped_out_pages_of_a_source_are_part_of_the_demand(report: Path, tmp_path: Path) -> None:
    path = changed(report, tmp_path, swapped_pages=1000)
    assert document(path, *MACHINE)["answer"]["demand_bytes"] == 1400 * PAGE


def test_the_size_never_exceeds_by_an_eighth_what_the_words_around_it_say(report: Path) -> None:
    for demand in ("capacity", "1G", "3M"):
        (planned,) = document(report, *MACHINE, "--demand", demand)["plans"]
        most = planned["capacity"]["optimistic"]["slots"] * PAGE
        if demand != "capacity":
            most = min(most, planned["answer"]["demand_bytes"])
        assert most < planned["recommended"]["bytes"] <= most * 9 // 8 + (1 << 20)


def test_what_else_could_be_done_is_shown_when_asked_for(report: Path) -> None:
    assert "DESIGN" not in plan(report, *MACHINE)
    words = ("--demand", "1023.5M", "--compare", "--kernel", "6.18")  # of the longest texts
    lines = plan(report, *MACHINE, *words).splitlines()
    assert (
        max(
            map(
                len,
                lines[
                    : lines.index(
                        "To set it up: --emit sh. Other systems, designs and sizes: --compare."
                    )
                ],
            )
        )
        < 200
    )
    for heading in ("SYSTEM ", "KERNEL ", "DESIGN "):
        (start,) = (n for n, line in enumerate(lines) if line.lstrip().startswith(heading))
        end = next(n for n in range(start, len(lines) + 1) if not "".join(lines[n : n + 1]))
        assert max(map(len, lines[start:end])) <= 80
    assert "zram has no limit of its own" in "\n".join(lines)


def test_a_ratio_and_ram_give_a_size() -> None:
    (planned,) = document("--ratio", "3", "--margin", "0", *MACHINE)["plans"]
    limit = 8 * GIB // PAGE * 20 // 100 * PAGE
    assert planned["pool_limit_bytes"] == limit
    slots = planned["capacity"]["expected"]["slots"]
    assert slots * PAGE == pytest.approx(3 * limit, rel=1e-5)
    assert planned["size"]["pages"] == slots + 1
    assert planned["recommended"] == {"pages": 5 * GIB // PAGE, "bytes": 5 * GIB, "mib": 5120}


def test_an_estimate_and_its_sources_give_the_same_plan(dump: Path, report: Path) -> None:
    of_report = document(report, *MACHINE)["plans"]
    of_dump = document(dump, "--algorithm", "lz4", *MACHINE)["plans"]
    of_pipe = document("-", *MACHINE, stdin=report.read_text())["plans"]
    for planned in (*of_report, *of_dump, *of_pipe):
        del planned["explain"]  # these name where the figures are from
    assert of_report == of_dump == of_pipe


def test_the_pool_of_the_estimate_decides(report: Path) -> None:
    estimate = json.loads(report.read_text())
    for algorithm in ("lz4", "zstd"):
        for system in ("zswap", "zswap+dedup", "zram"):
            (row,) = (
                row
                for row in estimate["systems"]
                if (row["system"], row["algorithm"]) == (system, algorithm)
            )
            arguments = (report, "--system", system, "--algorithm", algorithm, *MACHINE)
            (planned,) = document(*arguments)["plans"]
            assert planned["pool_bytes_per_slot"] == pytest.approx(row["pool_bytes"] / 400)
            assert planned["system"] == system
            assert row["ratio"] == pytest.approx(600 * PAGE / row["pool_bytes"])  # pages over pool
            assert planned["ratio"] == pytest.approx(400 * PAGE / row["pool_bytes"])


def test_dedup_holds_more_and_ksm_needs_fewer_slots(report: Path) -> None:
    (planned,) = document(report, *MACHINE)["plans"]
    others = {other["system"]: other for other in planned["alternatives"]}
    assert set(others) == {"zram", "zram+dedup", "zswap+dedup", "ksm"}
    held = planned["capacity"]["expected"]["memory_bytes"]
    assert others["zswap+dedup"]["capacity"]["expected"]["memory_bytes"] > held
    ksm = others["ksm"]["capacity"]["expected"]
    # Of the 400 pages that are not zero, 100 pairs are single pages: 300 slots.
    assert ksm["memory_bytes"] / (ksm["slots"] * PAGE) == pytest.approx(400 / 300, rel=1e-3)


def test_every_design_is_in_the_table(report: Path) -> None:
    (planned,) = document(report, *MACHINE)["plans"]
    rows = {row["design"]: row for row in planned["designs"]}
    assert set(rows) == {str(design) for design in Design}
    assert rows["ghost"]["disk_bytes"] == 0
    assert rows["zswap+swapfile"]["disk_bytes"] == planned["recommended"]["bytes"]
    assert rows["ghost"]["swap_total_bytes"] == planned["recommended"]["bytes"] - PAGE
    for row in rows.values():
        assert row["ram_bytes"] == row["pool_bytes"] + row["metadata_bytes"]
        assert row["empty_bytes"] <= row["metadata_bytes"]


def test_a_wrong_guess_is_priced_by_kernel() -> None:
    (planned,) = document("--ratio", "3", *MACHINE)["plans"]
    twice = {g["kernel"]: g["metadata_bytes"] for g in planned["too_large"] if g["factor"] == 2}
    assert list(twice) == ["6.1", "6.12", "6.18", "7.1", "7.2"]
    assert twice["6.18"] > twice["7.1"] > 20 * twice["7.2"] > 0
    assert planned["too_small"][0]["unused_pool_bytes"] > 0


def test_a_distribution_asks_for_several_machines() -> None:
    planned = document("--ratio", "3", "--ram", "8G,64G,512G", "--max-pool-percent", "20")["plans"]
    assert [each["ram_bytes"] for each in planned] == [8 * GIB, 64 * GIB, 512 * GIB]
    sizes = [each["recommended"]["bytes"] for each in planned]
    assert sizes == sorted(sizes)
    lines = plan("--ratio", "3", "--ram", "8G,64G,512G", "--print", "mib").splitlines()
    assert len(lines) == 3


def test_what_is_not_said_is_read_from_the_host(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       1048576 kB\n")
    zswap = tmp_path / "sys/module/zswap/parameters"
    zswap.mkdir(parents=True)
    (zswap / "max_pool_percent").write_text("35\n")
    (zswap / "accept_threshold_percent").write_text("50\n")
    (planned,) = document("--ratio", "2", "--root", tmp_path)["plans"]
    assert (planned["ram_bytes"], planned["max_pool_percent"]) == (GIB, 35)
    assert planned["accept_threshold_percent"] == 50


def test_the_steady_state_of_a_pool_that_fills_is_told(tmp_path: Path) -> None:
    """Of zswap since 5.6, and where the pool fills: not of zram, nor below a smaller demand."""
    words = ("--ratio", "3", "--margin", "0", "--root", tmp_path, *MACHINE)
    (tmp_path / "proc").mkdir()
    (planned,) = document(*words)["plans"]
    held = {name: each["memory_bytes"] for name, each in planned["capacity"].items()}
    assert held["steady"] == pytest.approx(0.9 * held["expected"], rel=1e-5)
    long_run = "until it is at 90 % of its limit: in the long run it holds 4.3 GiB to 4.8 GiB"
    assert long_run in joined(plan(*words))
    for unaffected in (("--system", "zram"), ("--demand", "4800M"), ("--kernel", "5.5")):
        assert "in the long run" not in joined(plan(*words, *unaffected))


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A host with a control group /a, of 64 MiB of memory, and /a/b in it; its root folder."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("memory\n")
    (tmp_path / "sys/fs/cgroup/a/memory.max").write_text(f"{64 << 20}\n")
    (tmp_path / "sys/fs/cgroup/a/b/memory.max").write_text("max\n")
    return tmp_path


def test_a_group_is_planned_for_within_its_limits(group: Path, report: Path) -> None:
    words = ("--root", group, *MACHINE[:4], "--margin", "0", "--demand", "capacity")
    (alone,) = document("--ratio", "3", *words)["plans"]
    assert (alone["cgroup"], alone["limited_by"]) == (None, "pool")
    (planned,) = document("--ratio", "3", "--cgroup", "/a/b", *words)["plans"]
    limit = {"file": "memory.max", "bytes": 64 << 20, "group": "/a"}
    assert planned["cgroup"] == {"path": "/a/b", "limits": [limit]}
    assert planned["limited_by"] == "memory.max"
    assert planned["capacity"]["expected"]["memory_bytes"] == pytest.approx(192 << 20, rel=1e-3)
    assert planned["recommended"]["bytes"] == 208 << 20
    output = joined(plan("--ratio", "3", "--cgroup", "/sys/fs/cgroup/a/b", *words))
    assert "group /a/b has memory.max 64 MiB (of /a): memory.max is reached first." in output
    output = joined(plan(report, "--cgroup", "/a/b", *words, "--demand", "1M"))
    assert "(of /a): none is reached first." in output

    (group / "sys/fs/cgroup/a/memory.zswap.max").write_text(f"{1 << 20}\n")
    (planned,) = document(report, "--cgroup", "/a", *words)["plans"]
    assert planned["limited_by"] == "memory.zswap.max"
    assert "cgroup: memory.zswap.max" in plan(report, "--cgroup", "/a", *words, "--explain")
    (zram,) = document(report, "--cgroup", "/a", *words, "--system", "zram")["plans"]
    assert zram["limited_by"] == "pool"


def test_a_group_that_may_not_use_zswap_gets_no_size(group: Path) -> None:
    (group / "sys/fs/cgroup/a/memory.zswap.max").write_text("0\n")
    done = ghostswap("plan", "--ratio", "3", "--root", group, "--ram", "8G", "--cgroup", "/a/b")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ghostswap: /a/b: swaps nothing out: memory.zswap.max of /a is 0\n"


def test_limits_of_two_groups_are_said_to_be_left_out(group: Path) -> None:
    words = ("--ratio", "3", "--root", group, "--ram", "8G", "--cgroup", "/a", "--cgroup", "/b")
    done = ghostswap("plan", *words, "--json")
    assert json.loads(done.stdout)["plans"][0]["cgroup"] is None
    assert "limits of several control groups" in done.stderr


def test_the_numbers_for_other_programs_are_one_size() -> None:
    numbers = {
        unit: int(plan("--ratio", "2.8", *MACHINE, "--print", unit))
        for unit in ("pages", "bytes", "mib")
    }
    assert numbers["bytes"] == numbers["pages"] * PAGE == numbers["mib"] << 20


def test_the_recommended_size_is_one_that_mkghost_takes(tmp_path: Path) -> None:
    pages = plan("--ratio", "2.8", *MACHINE, "--print", "pages").strip()
    size = plan("--ratio", "2.8", *MACHINE, "--print", "bytes").strip()
    for named in (("--pages", pages), ("--size", size)):
        done = ghostswap("mkghost", tmp_path / "ghost", *named, "--dry-run", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["size_bytes"] == int(size)


def test_the_shell_lines_make_the_file_and_use_it(tmp_path: Path) -> None:
    ghost = tmp_path / "a folder" / "my ghost"
    lines = plan("--ratio", "3", *MACHINE, "--emit", "sh", "--path", ghost).splitlines()
    ours = [f'ghostswap() {{ "{sys.executable}" -m ghostswap "$@"; }}', "set -e"]
    # What changes the machine is left out; the rest is run as it stands.
    ours += [line for line in lines if not line.startswith(("echo", "ghostswap on"))]
    subprocess.run(["sh", "-c", "\n".join(ours)], check=True, capture_output=True)
    assert ghost.stat().st_size == PAGE
    assert lines[-1] == f"ghostswap on '{ghost}' --priority 100"


def test_fstab_names_the_path_with_its_blanks_escaped(tmp_path: Path) -> None:
    line = plan("--ratio", "3", *MACHINE, "--emit", "fstab", "--path", "/my swap").splitlines()[-1]
    assert line.split() == ["/my\\040swap", "none", "swap", "defaults,nofail,pri=100", "0", "0"]
    if which("findmnt") is not None:
        table = tmp_path / "fstab"
        table.write_text(line + "\n")
        done = subprocess.run(
            ["findmnt", "--tab-file", table, "--noheadings", "--raw", "-o", "SOURCE,FSTYPE"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["/my\\x20swap", "swap"]


def unit_files(text: str) -> dict[str, str]:
    """Each file's text by its name, of lines in which a comment names the next file."""
    parts = re.split(r"^# /etc/\S*/(\S+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_systemd_makes_the_file_once_and_turns_it_on_at_boot(tmp_path: Path) -> None:
    path = '/var/my "100%" $wap'
    files = unit_files(plan("--ratio", "3", *MACHINE, "--emit", "systemd", "--path", path))
    assert set(files) == {"ghostswap.conf", "ghostswap-file.service", "ghostswap.service"}
    assert "w /sys/module/zswap/parameters/enabled - - - - Y" in files["ghostswap.conf"]
    assert 'ghostswap on "/var/my \\"100%%\\" $$wap"' in files["ghostswap.service"]
    if which("systemd-analyze") is not None:
        units = [tmp_path / name for name in files if name.endswith(".service")]
        for unit in units:
            unit.write_text(files[unit.name])
        done = subprocess.run(
            ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if "ghostswap" in line]
        assert complaints == []


def test_a_swapfile_has_room_for_the_pool_and_for_what_goes_to_disk(report: Path) -> None:
    words = ("--ratio", "3", "--margin", "0", *MACHINE, "--design", "swapfile")
    output = document(*words, "--demand", "9G")
    (planned,) = output["plans"]
    assert output["answer"]["design"] == "zswap+swapfile"
    assert (
        planned["disk_bytes"] == 9 * GIB - planned["capacity"]["expected"]["memory_bytes"] > 4 * GIB
    )
    assert planned["recommended"]["bytes"] == 10 * GIB
    assert ", 4.2 GiB on disk.\n" in plan(*words, "--demand", "9G")
    (within,) = document(*words, "--demand", "1G")["plans"]
    assert within["disk_bytes"] == 0
    (ghost,) = document(*words[:-2], "--demand", "9G")["plans"]
    assert (ghost["disk_bytes"], ghost["recommended"]["bytes"]) == (0, 5 * GIB)
    assert "not known: --demand says it" in joined(plan(*words))


def test_pages_that_zswap_refuses_need_room_in_a_swapfile(tmp_path: Path) -> None:
    made, dump = random.Random(8), tmp_path / "pages.raw"
    dump.write_bytes(some(1200) + b"".join(made.randbytes(PAGE) for _ in range(600)))
    words = (dump, *MACHINE[:4], "--kernel", "6.12", "--algorithm", "lz4", "--demand", "capacity")
    (ghost,), (file,) = (
        document(*words, "--design", design)["plans"] for design in ("ghost", "swapfile")
    )
    assert ghost["refused_pages"] == 600
    held = ghost["capacity"]["expected"]["memory_bytes"]
    assert file["disk_bytes"] == pytest.approx(held / 2, rel=1e-5)
    assert file["recommended"]["bytes"] > 1.3 * ghost["recommended"]["bytes"]


def live_host(root: Path, stored: int, pool: int) -> Path:
    """A captured host whose zswap, and zram, hold as many bytes."""
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(
        f"MemTotal: 8388608 kB\nZswap: {pool >> 10} kB\nZswapped: {stored >> 10} kB\n"
    )
    zswap, zram = root / "sys/module/zswap/parameters", root / "sys/block/zram0"
    for folder in (zswap, zram):
        folder.mkdir(parents=True)
    (zswap / "compressor").write_text("zstd\n")
    (zram / "comp_algorithm").write_text("lzo [lz4]\n")
    (zram / "disksize").write_text(f"{8 * GIB}\n")
    (zram / "mm_stat").write_text(f"{stored} {pool} {pool} 0 {pool} 0 0 0 0\n")
    return root


@pytest.mark.parametrize(("system", "algorithm"), [("zswap", "zstd"), ("zram", "lz4")])
def test_the_ratio_of_what_is_swapped_now_needs_no_scan(
    tmp_path: Path, system: str, algorithm: str
) -> None:
    root = live_host(tmp_path, 300 << 20, 100 << 20)
    words = ("--system", system, "--root", root, "--kernel", "6.18", "--max-pool-percent", "20")
    (live,) = (output := document("--live", *words))["plans"]
    (stated,) = document("--ratio", "3", *words)["plans"]
    assert live["recommended"] == stated["recommended"]
    assert output["answer"]["algorithm"] == algorithm
    assert output["basis"]["name"] == f"the 300 MiB that {system} holds here now"
    assert output["answer"]["demand_source"] == "capacity"


@pytest.mark.parametrize(("stored", "pool"), [(0, 0), (60 << 20, 20 << 20)])
def test_a_host_that_holds_too_little_tells_no_ratio(
    tmp_path: Path, stored: int, pool: int
) -> None:
    root = live_host(tmp_path, stored, pool)
    done = ghostswap("plan", "--live", "--root", root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "too little to tell its ratio by" in done.stderr
    decided = ghostswap("plan", "--live", "--root", root, "--margin", "20%")
    assert decided.returncode == (0 if pool else 1)


def test_zram_is_a_design_too() -> None:
    asked = document("--ratio", "3", *MACHINE, "--design", "zram")
    assert asked == document("--ratio", "3", *MACHINE, "--system", "zram")


def test_zram_has_one_answer_in_every_form(report: Path) -> None:
    words = (report, "--ram", "8G", "--demand", "capacity")
    (size,) = plan(*words, "--system", "zram", "--print", "mib").split()
    lines = plan(*words, "--emit", "zram-generator").splitlines()
    assert f"zram-size = {size}" in lines
    assert "zram-resident-limit = 4096" in lines  # half of RAM
    assert "min(ram / 2, 4096) makes 4096; Fedora's: min(ram, 8192) 8192" in "\n".join(lines)
    (row,) = (
        other
        for other in document(*words, "--max-pool-percent", "50")["plans"][0]["alternatives"]
        if other["system"] == "zram"
    )
    assert row["recommended"]["mib"] == int(size)
    assert f"--size {int(size) << 20} " in plan(*words, "--system", "zram", "--emit", "sh")
    asked = document(*words, "--system", "zram", "--max-pool-percent", "20")["plans"][0]
    assert asked["max_pool_percent"] == 20


def test_zram_generator_gets_a_zram_device(report: Path) -> None:
    lines = plan(report, *MACHINE, "--demand", "capacity", "--emit", "zram-generator").splitlines()
    assert "[zram0]" in lines
    assert "compression-algorithm = lz4" in lines
    settings = dict(line.split(" = ") for line in lines if " = " in line)
    assert int(settings["zram-resident-limit"]) == 1638  # a fifth of 8 GiB
    assert int(settings["zram-size"]) > 1638


def test_the_table_shows_what_was_asked_for(report: Path) -> None:
    lines = plan(report, *MACHINE, "--output", "system,recommended", "--bytes", "--noheadings")
    rows = dict(line.split() for line in lines.splitlines())
    assert set(rows) == {"zswap", "zram", "zram+dedup", "zswap+dedup", "ksm"}
    assert all(size.isdigit() for size in rows.values())


def host_with(tmp_path: Path, file: str, text: str) -> Path:
    """A captured host of 8 GiB that says `text` in `file`."""
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8388608 kB\n")
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.18.0\n")
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    return tmp_path


_COMPRESSOR = "sys/module/zswap/parameters/compressor"


@pytest.mark.parametrize(
    ("file", "text", "system", "algorithm", "note"),
    [
        (_COMPRESSOR, "zstd\n", "zswap", "zstd", "zstd is what zswap here uses."),
        (_COMPRESSOR, "zstd\n", "ksm", "zstd", "zstd is what zswap here uses."),
        (_COMPRESSOR, "842\n", "zswap", "lz4", "zswap here uses 842, which cannot be measured"),
        (_COMPRESSOR, "$(x)\n", "zswap", "lz4", "which cannot be measured"),
        (_COMPRESSOR, "zstd\n", "zram", "lz4", "This host names no compressor of zram"),
        (
            "sys/block/zram0/comp_algorithm",
            "lz4 [deflate] zstd\n",
            "zram",
            "deflate",
            "deflate is what zram here uses.",
        ),
        (
            "boot/config-6.18.0",
            'CONFIG_ZRAM_DEF_COMP="lzo-rle"\n',
            "zram",
            "lzo-rle",
            "lzo-rle is what zram here uses",
        ),
    ],
)
def test_the_hosts_own_compressor_is_the_default_and_is_named(
    dump: Path, tmp_path: Path, file: str, text: str, system: str, algorithm: str, note: str
) -> None:
    root = host_with(tmp_path, file, text)
    words = (dump, "--system", system, "--root", root, "--demand", "capacity")
    output = document(*words)
    assert output["answer"]["algorithm"] == algorithm
    assert note in output["basis"]["notes"][0]
    assert note in joined(plan(*words))
    named = document(*words, "--algorithm", "lz4hc")
    assert (named["answer"]["algorithm"], named["basis"]["notes"]) == ("lz4hc", [])


def test_every_figure_can_be_explained(report: Path) -> None:
    explained = plan(report, *MACHINE, "--demand", "2G", "--explain")
    for figure in ("pool_limit_bytes", "capacity.pessimistic", "recommended.bytes", "unheld_bytes"):
        assert f"{figure}: " in explained
    assert "swap_cgroup: 2 bytes / 1 slots = 2 on Linux 6.18" in explained


@pytest.mark.parametrize(
    "arguments",
    [
        ("--ratio", "0"),
        ("--ratio", "-1"),
        ("--ratio", "nan"),
        ("--ratio", "inf"),
        ("--ratio", "3", "--ram", "0"),
        ("--ratio", "3", "--ram", "8G,"),
        ("--ratio", "3", "--ram", "8G,x"),
        ("--ratio", "3", "--margin", "100%"),
        ("--ratio", "3", "--margin", "5"),
        ("--ratio", "3", "--margin", "x"),
        ("--ratio", "3", "--max-pool-percent", "0"),
        ("--ratio", "3", "--max-pool-percent", "101"),
        ("--ratio", "3", "--demand", "0"),
        ("--ratio", "3", "--demand", "lots"),
        ("--ratio", "3", "--system", "zsawp"),
        ("--ratio", "3", "--system", "zswap+dedup"),
        ("--ratio", "3", "--kernel", "new"),
        ("--ratio", "3", "--page-size", "0"),
        ("--ratio", "3", "--page-size", "4097"),
        ("--ratio", "3", "--output", "sise"),
        ("--ratio", "3", "--json", "--print", "mib"),
        ("--ratio", "3", "--system", "zram", "--emit", "fstab"),
        ("--ratio", "3", "--design", "swapfile", "--emit", "systemd"),
        ("--ratio", "3", "--design", "swapfile", "--system", "zram"),
        ("--ratio", "3", "--design", "zram", "--system", "zswap"),
        ("--ratio", "3", "--system", "zswap", "--emit", "zram-generator"),
        ("--ratio", "3", "--ram", "1G,2G", "--emit", "sh"),
        ("--ratio", "3", "--emit", "sh", "--path", "relative"),
        (),
        ("--ratio", "3", "/dev/null"),
        ("--live", "/dev/null"),
        ("--live", "--ratio", "3"),
        ("--live", "--system", "ksm"),
        ("--live", "--quick"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "internal error" not in err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "damaged JSON"),
        ("{", "damaged JSON"),
        ('{"schema": "ghostswap.estimate/1"', "damaged JSON"),
        ("[" * 100_000, "not readable"),
        ("9" * 5000, "not readable"),
        ("[]", "not an estimate"),
        ("null", "not an estimate"),
        ('{"a": 1}', "not an estimate"),
        ('{"schema": 1}', "not an estimate"),
        ('{"schema": "ghostswap.estimate/2"}', "ghostswap.estimate/2"),
        ('{"schema": "ghostswap.plan/1"}', "ghostswap.plan/1"),
        ('{"schema": "ghostswap.estimate/1"}', "no kernel"),
        ("\ufffd", "damaged JSON"),
    ],
)
def test_what_is_no_estimate_is_refused_in_one_line(
    tmp_path: Path, text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    assert run(["plan", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert str(path) in err
    assert why in err


def test_an_estimate_is_known_by_what_it_holds_not_by_its_name(
    report: Path, tmp_path: Path
) -> None:
    nameless = tmp_path / "report"
    nameless.write_text(report.read_text())
    assert document(nameless, *MACHINE)["system"] == "zswap"
    assert not looks_like_json(b"{" + bytes(100))  # a page that begins with a brace
    assert looks_like_json(b' \n{"schema": 1}')


def test_a_report_beside_sources_is_refused(report: Path, dump: Path) -> None:
    done = ghostswap("plan", report, dump)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("piped", ["", "not JSON", "\0" * PAGE])
def test_pages_on_standard_input_are_no_estimate(piped: str) -> None:
    done = ghostswap("plan", "-", stdin=piped)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "standard input: no estimate" in done.stderr


def test_a_missing_report_is_one_line(tmp_path: Path) -> None:
    done = ghostswap("plan", tmp_path / "none.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ghostswap: {tmp_path}/none.json: No such file or directory\n"


def test_an_estimate_that_does_not_tell_its_rules_is_taken_by_its_kernels(
    report: Path, tmp_path: Path
) -> None:
    output = json.loads(report.read_text())
    del output["rules"]
    output["systems"].append({"system": "of tomorrow", "algorithm": "lz4"})
    untold = tmp_path / "untold.json"
    untold.write_text(json.dumps(output))
    options = (*MACHINE, "--print", "bytes")
    assert plan(untold, *options) == plan(report, *options)


def some(number: int) -> bytes:
    """As many pages that compress in different degrees."""
    made = random.Random(4)
    return b"".join((made.randbytes(50 * (n % 30) + 50) * PAGE)[:PAGE] for n in range(number))


def test_few_pages_are_said_to_be_few(tmp_path: Path) -> None:
    few = tmp_path / "few.raw"
    few.write_bytes(some(1200))
    done = ghostswap("plan", few, *MACHINE, "--output", "at-worst,at-best", "--bytes")
    assert done.returncode == 0
    assert "measure more" in done.stderr
    worst, best = done.stdout.splitlines()[1].split()
    assert int(best) > int(worst) * 1.1
    assert ghostswap("plan", few, *MACHINE, "--quiet").stderr == ""


FORMS = ((), ("--json",), ("--print", "bytes"), ("--emit", "sh"))


def refused_in_every_form(*arguments: str | Path) -> str:
    """The one line that all forms of output are refused with."""
    lines = set()
    for form in FORMS:
        done = ghostswap("plan", *arguments, *MACHINE, *form, "--quiet")
        assert (done.returncode, done.stdout) == (1, ""), done
        lines.add(done.stderr)
    (line,) = lines
    assert line.count("\n") == 1
    return line


def test_too_few_pages_get_no_size_unless_a_margin_is_stated(tmp_path: Path) -> None:
    few = tmp_path / "few.raw"
    few.write_bytes(some(20))
    assert "too few pages" in (line := refused_in_every_form(few))
    assert "--margin" in line
    assert document(few, *MACHINE, "--margin", "0", "--quiet")["margin"] == 0


def test_a_dump_of_mostly_zero_pages_gets_no_size_until_they_are_decided(tmp_path: Path) -> None:
    dump = tmp_path / "core.raw"
    dump.write_bytes(some(500) + bytes(600 * PAGE))
    assert "--zero-pages include|exclude" in refused_in_every_form(dump)
    ratio = {
        decided: document(dump, *MACHINE, "--zero-pages", decided, "--quiet")["plans"][0]["ratio"]
        for decided in ("include", "exclude")
    }
    assert ratio["include"] == pytest.approx(ratio["exclude"] * 1100 / 500, rel=1e-6)


def test_zero_pages_of_a_dump_are_left_out_and_counted(dump: Path, report: Path) -> None:
    for measured in (dump, report):
        done = ghostswap("plan", measured, *MACHINE, "--json")
        assert json.loads(done.stdout)["basis"]["left_out_zero_pages"] == 200
        assert "200 zero pages of 600 are left out" in done.stderr
    words = ("--zero-pages", "include", "--algorithm", "lz4")
    (planned,) = document(dump, *MACHINE, *words)["plans"]
    (row,) = (
        row
        for row in json.loads(report.read_text())["systems"]
        if (row["system"], row["algorithm"]) == ("zswap", "lz4")
    )
    assert planned["pool_bytes_per_slot"] == pytest.approx(row["pool_bytes"] / 600)


def changed(report: Path, tmp_path: Path, **coverage: int) -> Path:
    """The report with other figures of what it covers."""
    output = json.loads(report.read_text())
    output["coverage"] |= coverage
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(output))
    return path


def test_mostly_unreadable_memory_gets_no_size_unless_a_margin_is_stated(
    report: Path, tmp_path: Path
) -> None:
    unreadable = changed(report, tmp_path, unreadable_pages=601)
    assert "601 of 1,201 pages could not be read" in refused_in_every_form(unreadable)
    plan(unreadable, *MACHINE, "--margin", "30%")
    plan(changed(report, tmp_path, unreadable_pages=600), *MACHINE)


def test_an_interrupted_estimate_gets_no_size(report: Path, tmp_path: Path) -> None:
    output = json.loads(report.read_text())
    output["partial"] = True
    part = tmp_path / "part.json"
    part.write_text(json.dumps(output))
    assert "an interrupted estimate" in refused_in_every_form(part)


def test_an_earlier_estimate_says_what_it_covers_by_its_sources(
    report: Path, tmp_path: Path
) -> None:
    output = json.loads(report.read_text())
    del output["coverage"]
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(output))
    assert (
        document(path, *MACHINE)["plans"][0]["ratio"]
        == (document(report, *MACHINE)["plans"][0]["ratio"])
    )
    output["sources"][0] |= {"kind": "process", "unreadable_pages": 5000}
    path.write_text(json.dumps(output))
    assert "5,000 of 5,600 pages" in refused_in_every_form(path)


def test_ram_without_a_unit_is_not_taken_for_bytes() -> None:
    done = ghostswap("plan", "--ratio", "3", "--ram", "8")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "ghostswap: --ram: 8 is 8 B, and no machine has so little; did you mean 8G?\n"
    )


def test_an_algorithm_that_was_not_measured_is_named(report: Path) -> None:
    done = ghostswap("plan", report, "--algorithm", "deflate")
    assert done.returncode == 1
    assert "lz4, zstd" in done.stderr


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_an_estimate_makes_more_than_one_line(
    report: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any value of the document replaced by any other: a plan, or one line."""
    planned = json.loads(report.read_text())
    place: Any = planned
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        below = place[key]
        if not (isinstance(below, dict | list) and below) or data.draw(st.booleans()):
            break
        place = below
    anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    place[key] = data.draw(anything | st.lists(anything, max_size=2))
    path = tmp_path_factory.mktemp("damaged") / "report.json"
    path.write_text(json.dumps(planned))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GHOSTSWAP_TRACEBACK", "1")  # a fault of ours is to fail this test
        assert run(["plan", str(path), "--quiet", "--print", "mib", *MACHINE]) in (0, 1)


def test_what_is_refused_is_not_said_to_be_swapped(tmp_path: Path) -> None:
    made = random.Random(1)
    pages = [
        made.randbytes(PAGE) if i % 2 else (made.randbytes(900) * 5)[:PAGE] for i in range(6000)
    ]
    path = tmp_path / "pages.raw"
    path.write_bytes(b"".join(pages))
    words = (path, "--algorithm", "lz4", "--ram", "8G", "--kernel", "6.12", "--page-size", "4096")
    text = plan(*words)
    assert "Of 23.4 MiB counted, 11.7 MiB would be swapped, at a ratio of 4.3" in text
    (taken,) = re.findall(r"it takes (\S+) MiB of the pool", text)
    assert float(taken) == pytest.approx(11.7 / 4.33, abs=0.1)
    on_disk = document(*words, "--design", "swapfile")["plans"][0]
    assert on_disk["disk_bytes"] == 3000 * PAGE
    assert on_disk["used_slots"] == 3000


def test_the_algorithm_of_a_stated_ratio_is_what_is_set_up() -> None:
    planned = document("--ratio", "3", *MACHINE, "--algorithm", "zstd")
    assert planned["answer"]["algorithm"] == "zstd"
    lines = plan("--ratio", "3", *MACHINE, "--algorithm", "zstd", "--emit", "sh")
    assert "echo zstd > /sys/module/zswap/parameters/compressor" in lines.splitlines()
