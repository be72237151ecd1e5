"""`--plot` as a user types it: three kinds of file, refusals before the work, and never half."""

import io
import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import pytest

from tests.estimates import estimate, refusal, run_estimate
from tests.faults.command import run_disturbed

PAGE = 4096


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Ten zero pages, three of one repeated byte, and twenty of text."""
    words = Path(json.__file__).read_bytes() * 2
    text = [words[at : at + PAGE].ljust(PAGE, b"\0") for at in range(0, 200, 10)]
    path = tmp_path / "pages.raw"
    path.write_bytes(b"".join([bytes(PAGE)] * 10 + [b"\7" * PAGE] * 3 + text))
    return path


def test_an_estimate_is_drawn_in_the_form_its_file_ends_in(dump: Path, tmp_path: Path) -> None:
    svg, png, html = (tmp_path / f"picture.{ending}" for ending in ("svg", "PNG", "html"))
    for path in (svg, png, html):
        done = run_estimate(dump, "--plot", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "zram" in done.stdout
    assert ElementTree.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    height, width, _ = matplotlib.image.imread(io.BytesIO(png.read_bytes()), "png").shape
    assert (width, height) == (1654, 2338)  # A4 at 200 dots an inch
    document = html.read_text()
    assert document.count("<svg") == document.count("</svg>") == 4
    assert '<td>same-filled</td><td class="number">3</td>' in document


def test_a_picture_leaves_the_json_document_as_it_is(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    with_picture = estimate(dump, "--plot", path)
    assert with_picture["pages"] == estimate(dump)["pages"]
    assert path.exists()


def test_the_same_census_gives_the_same_bytes(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    estimate(dump, "--save", saved)
    pictures = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in pictures:
        run_estimate(saved, "--plot", path)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


@pytest.mark.parametrize("name", ["picture.pdf", "picture", "svg", ".svg"])
def test_another_ending_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    line = refusal(tmp_path / "no-such-dump", "--plot", tmp_path / name, status=2)
    assert ".svg, .png and .html" in line


def without_matplotlib(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command where matplotlib is not installed."""
    program = (
        "import sys; sys.modules['matplotlib'] = None; from ghostswap.cli.app import run; "
        "sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_matplotlib_the_user_is_told_what_to_install(tmp_path: Path) -> None:
    missing = tmp_path / "no-such-dump"
    done = without_matplotlib("estimate-dedup", missing, "--plot", tmp_path / "a.svg")
    assert done.returncode == 1
    install = f"{shlex.quote(sys.executable)} -m pip install 'ghostswap[plot]'"
    assert done.stderr == f"ghostswap: --plot: needs matplotlib: {install}\n"


def test_without_matplotlib_everything_else_works(dump: Path) -> None:
    assert without_matplotlib("estimate-dedup", dump).returncode == 0


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    missing = tmp_path / "no-such-dump"
    assert "no-such-folder" in refusal(missing, "--plot", tmp_path / "no-such-folder" / "a.svg")
    folder = tmp_path / "folder.svg"
    folder.mkdir()
    assert refusal(missing, "--plot", folder) == f"ghostswap: {folder}: is a directory\n"


@pytest.mark.parametrize("kind", ["fifo", "endless", "text"])
def test_the_current_folder_has_no_say_in_pictures(dump: Path, tmp_path: Path, kind: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    settings = here / "matplotlibrc"
    if kind == "fifo":
        os.mkfifo(settings)
    elif kind == "endless":
        settings.symlink_to("/dev/zero")
    else:
        settings.write_text("no settings\n")
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", "estimate-dedup", dump, "--plot", "picture.svg"],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ElementTree.parse(here / "picture.svg")


def test_a_picture_that_fails_leaves_the_old_one_and_the_report(dump: Path, tmp_path: Path) -> None:
    """What somebody puts there meanwhile stays."""
    picture = tmp_path / "a.svg"
    done = run_disturbed(
        "ghostswap.plots.picture:of_estimate",
        f"os.symlink('/dev/full', {str(picture)!r})",
        *("estimate-dedup", dump, "--plot", picture),
    )
    assert done.returncode == 1
    assert done.stderr == f"ghostswap: {picture}: exists and is no regular file\n"
    assert picture.is_symlink()
    assert "zram" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "pages.raw"]


def test_a_picture_is_drawn_although_nobody_reads_the_table(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-u", "-m", "ghostswap", "estimate-dedup", str(dump)]
    done = subprocess.run(
        [*command, "--plot", str(path)], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
    assert path.read_bytes().endswith(b"</svg>\n")


def test_a_plan_is_drawn(tmp_path: Path) -> None:
    for ending in ("svg", "png", "html"):
        path = tmp_path / f"plan.{ending}"
        command = ["plan", "--ratio", "3", "--ram", "8G,16G", "--plot", str(path)]
        done = subprocess.run(
            [sys.executable, "-m", "ghostswap", *command, "--print", "mib"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["5632", "11264"]
        assert path.stat().st_size > 1000
    assert path.read_text().count("<figure>") == 2


def on_a_terminal(*arguments: object, **environment: str) -> str:
    """What `ghostswap estimate-dedup …` prints on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--quiet"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=theirs,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    ):
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 1 << 16):
                shown += part
        except OSError:  # EIO: the other end is closed
            pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_pages_by_kind_have_bars(dump: Path) -> None:
    shown = on_a_terminal(dump)
    bar = "████▉" + 13 * " "
    assert f"\x1b[34m{bar}\x1b[0mall zeros" in shown  # 10 of 33
    plain = on_a_terminal(dump, NO_COLOR="1")
    assert "\x1b" not in plain
    assert f"{bar}all zeros" in plain


def test_what_a_script_reads_has_no_bars(dump: Path) -> None:
    piped = run_estimate(dump).stdout
    assert "  zero                  10   30.3%  all zeros\n" in piped
    table = on_a_terminal(dump, "--noheadings", "--output", "SYSTEM,ALGORITHM")
    assert table == run_estimate(dump, "--noheadings", "--output", "SYSTEM,ALGORITHM").stdout
