"""Writes an example beside each schema in docs/schemas: what the commands print, on small inputs.

`make schemas` runs it; a test holds the examples against what the commands print then.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ghostswap.ghost.areas import Backend, GhostArea
from ghostswap.ghost.plan import SwitchOn, shell_lines
from ghostswap.host.swaps import Medium, SwapArea
from ghostswap.report.ghost import area_document, switch_on_document

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "schemas"
PAGE = 4096
UUID = "8f2f1c9e-5d0a-4c57-9b1e-3f6d2a7c4e10"
KERNEL = ("--kernel", "6.12")


def write_dump(path: Path, seed: int = 1) -> None:
    """A dump of 405 pages: zeros, one word repeated, text twice, and noise."""
    made = random.Random(seed)
    pages = [bytes(PAGE)] * 20 + [b"abcdefgh" * (PAGE // 8)] * 5
    pages += [(made.randbytes(700) * 6)[:PAGE] for _ in range(175)] * 2
    pages += [made.randbytes(PAGE) for _ in range(30)]
    path.write_bytes(b"".join(pages))


def run(folder: Path, *words: str | Path) -> Any:
    """The document that a command prints, run in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", *map(str, words), "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def examples(folder: Path) -> dict[str, Any]:
    """A document of each schema, by its name; `folder` is for files."""
    write_dump(folder / "pages.raw")
    census = folder / "web-1.parquet"
    estimate = run(
        folder, "estimate-dedup", "pages.raw", *KERNEL, "--group-by", "kind", "--top", "1",
        "--host", "web-1", "--taken", "2026-11-21T12:00:00Z", "--save", census,
    )  # fmt: skip
    (folder / "estimate.json").write_text(json.dumps(estimate))
    ghost = run(folder, "mkghost", "swap.ghost", "--size", "64G", "--label", "g", "--uuid", UUID)
    documents = [
        estimate,
        run(folder, "plan", "estimate.json", *KERNEL, "--ram", "8G", "--quiet"),
        run(folder, "fleet", census, *KERNEL),
        run(folder, "plan", "--fleet", census, *KERNEL),
        ghost,
        *run(folder, "inspect", "swap.ghost"),
        run(folder, "label", "swap.ghost"),
        run(folder, "inspect", "--root", ROOT / "tests" / "fixtures" / "hosts" / "linux-6.12"),
        area_document(_area(), changed=True),
        _dry_run(),
    ]
    return {document["schema"]: document for document in documents}


def _area() -> GhostArea:
    """What `on` made: switching a real one on would take root."""
    device = "/dev/mapper/ghostswap-swap.ghost"
    size = (64 << 30) - PAGE
    swap = SwapArea(device.encode(), "partition", size, 0, -2, Medium.GHOST, False, None)
    loops = (Path("/dev/loop0"),)
    mapped = Backend.DEVICE_MAPPER
    return GhostArea("ghostswap-swap.ghost", mapped, Path(device), Path("/swap.ghost"), loops, swap)


def _dry_run() -> dict[str, object]:
    """What it tells on a kernel with device mapper, which the one that runs here may lack."""
    plan = SwitchOn(Path("/swap.ghost"), 64 << 30, None, None, start_zswap=True)
    return switch_on_document(
        plan, Backend.DEVICE_MAPPER, list(shell_lines(plan, Backend.DEVICE_MAPPER))
    )


def main() -> None:
    """Write the examples."""
    with tempfile.TemporaryDirectory() as folder:
        for name, document in examples(Path(folder)).items():
            path = FOLDER / f"{name.removeprefix('ghostswap.').replace('/', '-')}.example.json"
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
