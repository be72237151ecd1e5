"""`ghostswap plan --eviction`: what it prints, and what it refuses in one line."""

import json
from pathlib import Path

import pytest

from tests.faults.command import one_line, run

FIXTURES = Path(__file__).parents[1] / "fixtures/hosts/linux-6.12"


def plan(*arguments: object) -> str:
    done = run("plan", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubelets_threshold_limits_the_area(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    lines = {"MemTotal": 16 << 20, "MemFree": 6 << 20, "AnonPages": 9 << 20, "Cached": 0,
             "Buffers": 0, "SwapCached": 0, "KReclaimable": 0}  # fmt: skip
    text = "".join(f"{name}: {number} kB\n" for name, number in lines.items())
    (tmp_path / "proc/meminfo").write_text(text)
    zone = "Node 0, zone   Normal\n  low 64\n  high 25600\n  managed 4194304\n"
    (tmp_path / "proc/zoneinfo").write_text(zone)
    words = ("--ratio", "3", "--root", tmp_path)
    planned = json.loads(plan(*words, "--eviction", "1536Mi", "--json"))
    assert planned["plans"][0]["eviction"] == {
        "threshold_bytes": 1536 << 20,
        "kernel_bytes": 1024 << 20,
        "reserved_bytes": 100 << 20,
        "pool_bytes": 412 << 20,
    }
    assert planned["answer"]["limited_by"] == "eviction"
    size = planned["answer"]["size_bytes"]
    assert 412 << 20 < size < 3 * 412 << 20
    assert plan(*words, "--eviction", "1536Mi", "--print", "bytes").split() == [str(size)]
    assert plan(*words, "--eviction", "9.375%", "--print", "bytes").split() == [str(size)]
    text = plan(*words, "--eviction", "1536Mi")
    assert "Limited by --eviction: kubelet takes the pool for available, 412 MiB" in text
    assert max(map(len, text.splitlines())) <= 80
    assert json.loads(plan(*words, "--json"))["plans"][0]["eviction"] is None


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--eviction", "1Mi"), 1, "memory.available may not fall below 1 MiB"),
        (("--eviction", "100M"), 2, "did you mean 100Mi?"),
        (("--eviction", "0"), 1, "memory.available"),
        (("--eviction", "10%", "--ram", "8G"), 2, "without --ram"),
        (("--eviction", "10%", "--root", FIXTURES), 1, "/proc/zoneinfo"),
    ],
)
def test_a_threshold_that_tells_no_size_is_refused(
    words: tuple[object, ...], status: int, says: str
) -> None:
    done = run("plan", "--ratio", "3", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert one_line(done.stderr)
