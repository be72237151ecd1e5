"""TAB completes ghostswap in bash, zsh and fish: each shell runs on a terminal, and we type."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import completions
from completions.tree import subcommands
from completions.values import Kind, with_values

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = {"bash": "ghostswap.bash", "zsh": "_ghostswap", "fish": "ghostswap.fish"}
INSTALLED = {
    "ghostswap.bash": "share/bash-completion/completions/ghostswap",
    "_ghostswap": "share/zsh/site-functions/_ghostswap",
    "ghostswap.fish": "share/fish/vendor_completions.d/ghostswap.fish",
}
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
SECONDS = 120.0
# In each shell `ghostswap` prints what it was given, so no Python runs here either.
BASH = """\
PS1='$ '
bind 'set bell-style none' 'set completion-query-items 0' 'set page-completions off'
ghostswap() { printf 'GOT:%s.\\n' "$*"; }
echo READY
"""
ZSH = """\
PS1='$ '
fpath=({scripts} $fpath)
autoload -Uz compinit && compinit -u -D
ghostswap() {{ print -r -- "GOT:$*." }}
echo READY
"""
FISH = """\
function fish_prompt; echo '$ '; end
function fish_greeting; end
source {scripts}/ghostswap.fish
function ghostswap; echo "GOT:$argv."; end
echo READY
"""


@dataclass(slots=True)
class Terminal:
    """A shell on a terminal of its own, in a folder with a file `dump.raw` and one `captured/`."""

    shell: subprocess.Popen[bytes]
    fd: int
    folder: Path

    def read_until(self, pattern: str) -> str:
        """What `pattern` captures in the lines printed from now on."""
        text, end = "", time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            text += os.read(self.fd, 65536).decode(errors="replace")
            if found := re.search(pattern, text):
                return found[1]
        raise AssertionError(f"no {pattern!r} in {text!r}")

    def complete(self, typed: str, then: str = "") -> str:
        """The arguments of ghostswap after TAB was pressed once behind `typed`."""
        os.write(self.fd, f"ghostswap {typed}\t{then}\n".encode())
        return self.read_until(r"GOT:([^\r\n]*)\.").rstrip(" ")


def start(name: str, folder: Path) -> list[str]:
    """The command that starts this shell with our completion and no other configuration."""
    scripts = completions.HERE
    match name:
        case "bash":
            rc = folder / "rc"
            rc.write_text(f"source {scripts}/ghostswap.bash\n{BASH}")
            return ["bash", "--noprofile", "--rcfile", str(rc), "-i"]
        case "bash-completion":
            loaded = folder / "data/bash-completion/completions"
            loaded.mkdir(parents=True)
            shutil.copy(scripts / "ghostswap.bash", loaded / "ghostswap")
            rc = folder / "rc"
            rc.write_text(f"source {BASH_COMPLETION}\n{BASH}")
            return ["bash", "--noprofile", "--rcfile", str(rc), "-i"]
        case "zsh":
            (folder / ".zshrc").write_text(ZSH.format(scripts=scripts))
            return ["zsh", "-d", "-i"]
    return ["fish", "--no-config", "--init-command", FISH.format(scripts=scripts), "--interactive"]


@pytest.fixture(scope="module", params=["bash", "bash-completion", "zsh", "fish"])
def terminal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    name: str = request.param
    if shutil.which(name.partition("-")[0]) is None:
        pytest.skip(f"needs {name}")
    if name == "bash-completion" and not BASH_COMPLETION.exists():
        pytest.skip("needs the package bash-completion")
    home = tmp_path_factory.mktemp("home")
    folder = tmp_path_factory.mktemp("work")
    (folder / "dump.raw").touch()
    (folder / "captured").mkdir()
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "TERM": "vt100",
        "LC_ALL": "C.UTF-8",
    }
    ours, theirs = pty.openpty()
    try:
        shell = subprocess.Popen(
            ["setsid", "--ctty", *start(name, home)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
        )
        try:
            terminal = Terminal(shell, ours, folder)
            terminal.read_until("(READY)")
            yield terminal
        finally:
            shell.kill()
            shell.wait()
    finally:
        os.close(theirs)
        os.close(ours)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose name is a command for whoever evaluates it."""
    sleep = tmp_path / "gost$(touch x)"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", sleep)
    with subprocess.Popen([sleep, "600"]) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ins", "inspect"),
        ("mkg", "mkghost"),
        ("plan --max-po", "plan --max-pool-percent"),
        ("plan --emit fs", "plan --emit fstab"),
        ("plan --emit=zr", "plan --emit=zram-generator"),
        ("plan --system zswap+", "plan --system zswap+dedup"),
        ("mkghost --uuid ra", "mkghost --uuid random"),
        ("mkghost --page-size 16", "mkghost --page-size 16384"),
        ("estimate-dedup --algorithm zs", "estimate-dedup --algorithm zstd"),
        ("estimate-dedup --user daem", "estimate-dedup --user daemon"),
        ("estimate-dedup --quick du", "estimate-dedup --quick dump.raw"),
        ("estimate-dedup --save du", "estimate-dedup --save dump.raw"),
        ("inspect --root cap", "inspect --root captured"),
        ("inspect --output NAME,US", "inspect --output NAME,USED"),
        ("off du", "off dump.raw"),
        ("inspect -o NAME,US", "inspect -o NAME,USED"),
        ("mkghost -U ra", "mkghost -U random"),
        ("hel", "help"),
        ("help mkg", "help mkghost"),
        ("plan dump.raw --emit fs", "plan dump.raw --emit fstab"),
    ],
)
def test_tab_completes(terminal: Terminal, typed: str, completed: str) -> None:
    assert terminal.complete(typed).rstrip("/") == completed


def test_no_file_is_offered_for_a_number(terminal: Terminal) -> None:
    assert terminal.complete("plan --ratio d") == "plan --ratio d"


def test_processes_are_offered_by_number(
    terminal: Terminal, process: subprocess.Popen[bytes]
) -> None:
    """A word that is complete gets a blank behind it."""
    assert terminal.complete(f"estimate-dedup --pid {process.pid}", then="x").endswith(" x")
    assert terminal.complete("estimate-dedup --pid 99999999", then="x").endswith("99999999x")


def test_names_of_processes_are_offered_and_never_run(
    terminal: Terminal, process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert terminal.complete("estimate-dedup --name gos") == "estimate-dedup --name gost$(touch x)"
    assert not (terminal.folder / "x").exists()


def test_control_groups_are_offered(terminal: Terminal) -> None:
    groups = sorted(path.name for path in Path("/sys/fs/cgroup").glob("*/"))
    alone = [
        name
        for name in groups
        if re.fullmatch(r"[\w.]+", name)
        and sum(other.startswith(name[:-1]) for other in groups) == 1
    ]
    if not alone:
        pytest.skip("needs a control group")
    completed = terminal.complete(f"estimate-dedup --cgroup {alone[0][:-1]}")
    assert completed.rstrip("/") == f"estimate-dedup --cgroup {alone[0]}"


@pytest.mark.parametrize("script", SCRIPTS.values())
def test_scripts_are_what_the_command_tree_makes_now(script: str, tmp_path: Path) -> None:
    completions.write(tmp_path)
    made, kept = tmp_path / script, completions.HERE / script
    assert made.read_text() == kept.read_text(), "run: python -m completions"


def test_every_option_that_takes_a_file_is_known_to_do_so() -> None:
    kinds = {
        option.names[-1]: values.kind
        for command in subcommands()
        for option, values in with_values(command)
    }
    assert {name for name, kind in kinds.items() if kind is Kind.FILE} >= {"--save", "--path"}
    assert kinds["--root"] is Kind.DIRECTORY


def test_scripts_are_installed_where_shells_look() -> None:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        shared = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    for script, place in INSTALLED.items():
        assert shared[f"completions/{script}"] == place
