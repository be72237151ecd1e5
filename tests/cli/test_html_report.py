"""The HTML report in a real browser: what hover tells, how tables sort, and how it looks in the
dark and on a narrow screen. Chromium is driven without a window."""

import html
import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cores import Part, elf_core
from tests.estimates import run_estimate

PAGE = os.sysconf("SC_PAGE_SIZE")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")

# 400 points wide, as on a phone. What it found is left in the page, where --dump-dom shows it.
_DRIVER = """<!DOCTYPE html><iframe src="report.html" width=400 height=900></iframe>
<pre id=result></pre><script>
document.querySelector("iframe").addEventListener("load", (event) => {
  const view = event.target.contentWindow, page = view.document;
  const image = page.querySelector("svg image"), figure = image.closest("figure");
  const data = JSON.parse(page.querySelector("script.cells").textContent);
  const lines = atob(data.look).length / data.columns, tips = [];
  page.querySelectorAll(".wide").forEach((each) => { each.scrollLeft = 0; });
  figure.scrollIntoView();
  for (let cell = 0; cell < lines * data.columns; cell++) {
    const box = image.getBoundingClientRect();
    const x = box.left + (cell % data.columns + 0.5) * box.width / data.columns;
    const y = box.top + (Math.floor(cell / data.columns) + 0.5) * box.height / lines;
    image.dispatchEvent(new view.PointerEvent("pointermove",
      { bubbles: true, clientX: x, clientY: y }));
    const tip = page.getElementById("tip");
    tips.push(tip.hidden ? "" : tip.textContent);
  }
  figure.dispatchEvent(new view.PointerEvent("pointerleave"));
  const table = page.querySelectorAll("table")[1], orders = [];
  for (const column of [4, 4, 0]) {
    table.tHead.rows[0].cells[column].querySelector("button").click();
    orders.push([...table.tBodies[0].rows].map((row) => row.cells[column].textContent));
  }
  document.getElementById("result").textContent = JSON.stringify({
    tips, orders,
    left: page.getElementById("tip").hidden,
    wide: page.documentElement.scrollWidth,
    back: view.getComputedStyle(page.body).backgroundColor,
    scripts: page.querySelectorAll("script").length,
    loaded: view.performance.getEntriesByType("resource").map((each) => each.name)
      .filter((name) => !name.startsWith("data:")),
  });
});
</script>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two sources, one of which is named to end its element."""
    made = tmp_path_factory.mktemp("html")
    noise = random.Random(1)
    text = [(noise.randbytes(700) * 6)[:PAGE] for _ in range(20)]
    pages = [bytes(PAGE)] * 10 + [b"samesame" * (PAGE // 8)] * 5 + text + text[:5]
    (made / "a.core").write_bytes(elf_core(Part(b"".join(pages))))
    hostile = made / "<img src=x onerror=alert(1)>"  # no name holds a slash, so no end tag
    hostile.write_bytes(noise.randbytes(3 * PAGE))
    done = run_estimate(
        made / "a.core", hostile, "--kernel", "6.12", "--plot", made / "report.html"
    )
    assert done.returncode == 0, done.stderr
    (made / "driver.html").write_text(_DRIVER)
    return made


def seen(folder: Path, *options: str) -> dict[str, Any]:
    """What the driver found."""
    if BROWSER is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'profile'}", "--allow-file-access-from-files",
            "--virtual-time-budget=5000", "--window-size=800,1000", *options, "--dump-dom",
            (folder / "driver.html").as_uri(),
        ],
        env={**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    found = re.search(r"<pre id=\"result\">(.+?)</pre>", done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-500:]
    return dict(json.loads(html.unescape(found[1])))


def test_in_the_dark_and_on_a_narrow_screen_it_tells_of_each_page_and_sorts(folder: Path) -> None:
    report = seen(folder, "--blink-settings=preferredColorScheme=0")
    tips = [tip.split("\n") for tip in report["tips"] if tip]
    assert len(tips) == 43  # a cell a page: 40 of the core, 3 of the other
    core = str(folder / "a.core")
    assert tips[0] == [core, "page 0", "zero"]
    assert tips[12] == [core, "page 12", "same-filled"]
    name, page, look, size = tips[20]
    assert (name, page, look) == (core, "page 20", "to ≤ ¼ of a page")
    assert re.fullmatch(r"7\d\d bytes, in the size class of 7\d\d", size)
    assert tips[37][2] == "copy of another"
    assert tips[40][:3] == [
        str(folder / "<img src=x onerror=alert(1)>"),
        "page 0",
        "incompressible",
    ]
    assert tips[40][3].endswith("in the size class of 4,096")
    assert report["left"] is True

    down, up, by_name = report["orders"]
    assert up == down[::-1] != down
    assert by_name == sorted(by_name)
    assert report["wide"] <= 400
    red, green, blue = map(int, re.findall(r"\d+", report["back"])[:3])
    assert max(red, green, blue) < 60
    assert report["scripts"] == 2  # its own: data and code
    assert report["loaded"] == []


def test_by_day_it_is_light(folder: Path) -> None:
    report = seen(folder, "--blink-settings=preferredColorScheme=1")
    assert report["back"] == "rgb(255, 255, 255)"
