"""The lines that set up a planned swap area: as shell commands, or for files that init reads."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernel.algorithm import Algorithm
from ghostswap.kernel.slots import Design
from ghostswap.plan.sizing import Sizing
from ghostswap.report.form import Form
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS
from ghostswap.units import format_size

_ZSWAP = "/sys/module/zswap/parameters"
_KSM_RUN = "/sys/kernel/mm/ksm/run"
_SWAP_FOLDER = PurePosixPath("/var/swap")
_PRIORITY = 100  # above any disk; what zram-generator uses
_USUAL_FOLDERS = (  # where systemd looks for programs, systemd.exec(5)
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
)  # fmt: skip


GENERATOR_FILE = (
    "# /etc/systemd/zram-generator.conf; sizes in MiB",
    "# zram-generator before 1.2 passes zram-resident-limit over, and knows no level.",
)


def usual_path(design: Design) -> PurePosixPath:
    """Where the file of a design goes that no path is named for."""
    return _SWAP_FOLDER / ("swapfile" if design is Design.SWAPFILE else "ghost")


@dataclass(frozen=True, slots=True)
class Setup:
    """A sized area of one design, and the path of its file.

    `program` is the folder that ghostswap was started from, where it is looked for last; None where
    that is not known.
    `algorithm` is None where only a ratio is known.
    """

    sizing: Sizing
    design: Design
    path: PurePosixPath
    program: PurePosixPath | None
    algorithm: Algorithm | None

    @classmethod
    def of(
        cls, sizing: Sizing, design: Design, path: PurePosixPath, program: PurePosixPath | None
    ) -> "Setup":
        """GhostswapError for an algorithm that is none of Linux's, UsageError for a path that no
        line can carry."""
        name = sizing.footprint.algorithm
        try:
            algorithm = None if name is None else Algorithm.parse(name)
        except ValueError as error:
            raise GhostswapError("--emit", str(error)) from None
        if not path.is_absolute() or not str(path).isprintable():
            raise UsageError("--path", f"{str(path)!r} is no absolute, printable path")
        return cls(sizing, design, path, program, algorithm)

    @property
    def system(self) -> System:
        """What holds the pages."""
        return self.sizing.footprint.system

    @property
    def folder(self) -> str | None:
        """The folder of this program where it is none in which any program is found."""
        folder = str(self.program or _USUAL_FOLDERS[0])
        if folder in _USUAL_FOLDERS or not folder.isprintable() or ":" in folder:
            return None
        return folder

    def why(self) -> str:
        """The size's reason in a line."""
        sizing = self.sizing
        held = format_size(sizing.footprint.memory_of(sizing.used))
        ram, limit = format_size(sizing.limit.ram_bytes), format_size(sizing.limit_bytes)
        disk = f" and {format_size(sizing.disk_bytes)} on disk" if sizing.disk_bytes else ""
        return f"of {ram} RAM {self.system} may take {limit}, for {held}{disk} swapped out"

    def settings(self) -> list[tuple[str, str]]:
        """Files of sysfs and what to write to each, in this order."""
        files = [(f"{_ZSWAP}/compressor", self.algorithm.name)] if self.algorithm else []
        files.append((f"{_ZSWAP}/max_pool_percent", str(self.sizing.limit.percent)))
        files.append((f"{_ZSWAP}/enabled", "Y"))
        if self.system is System.KSM:
            files.append((_KSM_RUN, "1"))
        return files

    def make(self) -> str:
        """The command that makes the ghost file."""
        footprint = self.sizing.footprint
        return (
            f"ghostswap mkghost {shlex.quote(str(self.path))} "
            f"--size {self.sizing.recommended_bytes} --page-size {footprint.page_size}"
        )


def lines(setup: Setup, form: Form) -> list[str]:
    """The lines of `form`; UsageError for a system or a path that it cannot set up."""
    if not SYSTEMS[setup.system].released:
        raise UsageError("--emit", f"no released kernel has {setup.system}: nothing to set up")
    if SYSTEMS[setup.system].recompresses:
        raise UsageError(
            "--emit", "zram recompresses when it is told to, again and again: set up zram, and that"
        )
    zram = setup.design is Design.ZRAM
    if setup.design is Design.SWAPFILE:
        return _swapfile(setup, form)
    match form:
        case Form.SH:
            return _zram_shell(setup) if zram else _shell(setup)
        case Form.ZRAM_GENERATOR if zram:
            return _zram_generator(setup)
        case Form.FSTAB if not zram:
            return _fstab(setup)
        case Form.SYSTEMD if not zram:
            return _systemd(setup)
    forms = "sh or zram-generator" if zram else "sh, fstab or systemd"
    raise UsageError("--emit", f"{form} does not set up {setup.system}; {forms} would")


def _shell(setup: Setup) -> list[str]:
    folder = shlex.quote(str(setup.path.parent))
    return [
        *_shell_begin(setup, ("ghostswap",)),
        *_shell_settings(setup),
        f"mkdir -p {folder}",
        setup.make(),
        f"ghostswap on {shlex.quote(str(setup.path))} --priority {_PRIORITY}",
    ]


def _swapfile(setup: Setup, form: Form) -> list[str]:
    match form:
        case Form.SH:
            return _swapfile_shell(setup)
        case Form.FSTAB:
            return [
                f"# {setup.why()}",
                "# Made by the lines of --emit sh, which also set zswap.",
                _fstab_line(setup.path),
            ]
    raise UsageError("--emit", f"{form} does not set up a swapfile; sh or fstab would")


def _swapfile_shell(setup: Setup) -> list[str]:
    """Holes, copy on write and compression make a file that swapon refuses: on btrfs its own
    program keeps them out."""
    path, folder = (shlex.quote(str(each)) for each in (setup.path, setup.path.parent))
    size = setup.sizing.recommended_bytes
    return [
        *_shell_begin(setup, ("fallocate", "mkswap", "swapon", "stat")),
        f"mkdir -p {folder}",
        f"test ! -e {path} || {{ echo 'the swapfile exists already' >&2; exit 1; }}",
        "umask 077",
        f"trap {shlex.quote(f'rm -f {path}')} EXIT",
        f'if test "$(stat -f -c %T {folder})" = btrfs; then',
        f"    btrfs filesystem mkswapfile --size {size} {path}",
        "else",
        f"    fallocate --length {size} {path}",
        f"    mkswap {path}",
        "fi",
        "trap - EXIT",
        *_shell_settings(setup),
        f"swapon --priority {_PRIORITY} {path}",
    ]


def _shell_settings(setup: Setup) -> list[str]:
    return [f"echo {shlex.quote(value)} > {file}" for file, value in setup.settings()]


def _zram_shell(setup: Setup) -> list[str]:
    if setup.algorithm and setup.algorithm.level is not None:
        # A level is taken only before the size is set.
        raise UsageError("--emit", "zramctl sets no level; zram-generator would")
    algorithm = f" --algorithm {shlex.quote(setup.algorithm.name)}" if setup.algorithm else ""
    return [
        *_shell_begin(setup, ("zramctl", "mkswap", "swapon")),
        "test -e /sys/class/zram-control || modprobe zram",
        f"device=$(zramctl --find --size {setup.sizing.recommended_bytes}{algorithm})",
        """trap 'zramctl --reset "$device"' EXIT""",
        f'echo {setup.sizing.limit_bytes} > "/sys/block/${{device#/dev/}}/mem_limit"',
        'mkswap "$device"',
        f'swapon --discard --priority {_PRIORITY} "$device"',
        "trap - EXIT",
    ]


def _shell_begin(setup: Setup, programs: Iterable[str]) -> list[str]:
    """Stops at the first failure, and before anything is changed where a program is not found."""
    begin = [f"# {setup.why()}", "set -eu"]
    if setup.folder is not None:
        begin.append(f"PATH=$PATH:{shlex.quote(setup.folder)}")
    missing = "{ echo '%s: not found' >&2; exit 1; }"
    begin += [f"command -v {name} > /dev/null || {missing % name}" for name in programs]
    return begin


def _fstab(setup: Setup) -> list[str]:
    return [
        f"# {setup.why()}",
        f"# Made by: {setup.make()}",
        "# Only a kernel with ghost swap takes it so; 'ghostswap on' works on any.",
        "# UUID= and LABEL= do not find a ghost file: libblkid passes areas below 40 KiB over.",
        _fstab_line(setup.path),
    ]


def _fstab_line(path: PurePosixPath) -> str:
    return f"{fstab_path(path)} none swap defaults,nofail,pri={_PRIORITY} 0 0"


def _systemd(setup: Setup) -> list[str]:
    if str(setup.path).endswith(("\\", " ")):
        # ConditionPathExists= takes its value bare: the line would go on, or lose the blank.
        raise UsageError("--path", f"no unit can carry the end of {str(setup.path)!r}")
    file, folder = _exec_word(str(setup.path)), str(setup.path.parent)
    environment = []
    if setup.folder is not None:
        folders = ":".join([*_USUAL_FOLDERS, setup.folder])
        environment = [f"Environment={_unit_word(f'PATH={folders}')}"]
    size, page_size = setup.sizing.recommended_bytes, setup.sizing.footprint.page_size
    return [
        f"# {setup.why()}",
        "# /etc/tmpfiles.d/ghostswap.conf",
        *(f"w {setting} - - - - {value}" for setting, value in setup.settings()),
        "",
        "# /etc/systemd/system/ghostswap-file.service",
        "[Unit]",
        "Description=Ghost swap file",
        f"RequiresMountsFor={_unit_word(folder)}",
        f"ConditionPathExists=!{str(setup.path).replace('%', '%%')}",
        "",
        "[Service]",
        *environment,
        "Type=oneshot",
        f"ExecStartPre=/usr/bin/env mkdir -p {_exec_word(folder)}",
        f"ExecStart=/usr/bin/env ghostswap mkghost {file} --size {size} --page-size {page_size}",
        "",
        "# /etc/systemd/system/ghostswap.service",
        "[Unit]",
        "Description=Swap to zswap, without a disk",
        "Requires=ghostswap-file.service",
        "After=ghostswap-file.service systemd-tmpfiles-setup.service",
        "",
        "[Service]",
        *environment,
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"ExecStart=/usr/bin/env ghostswap on {file} --priority {_PRIORITY}",
        f"ExecStop=/usr/bin/env ghostswap off {file}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]


def _zram_generator(setup: Setup) -> list[str]:
    mib = 1 << 20
    ram = setup.sizing.limit.ram_bytes // mib
    lines_of_zram = [
        f"# {setup.why()}",
        f"# zram-generator's default: min(ram / 2, 4096) makes {min(ram // 2, 4096)}; "
        f"Fedora's: min(ram, 8192) {min(ram, 8192)}",
        *GENERATOR_FILE,
        "[zram0]",
        f"zram-size = {setup.sizing.recommended_bytes // mib}",
        f"zram-resident-limit = {setup.sizing.limit_bytes // mib}",
    ]
    if setup.algorithm is not None:
        name, level = setup.algorithm.name, setup.algorithm.level
        options = "" if level is None else f"(level={level})"
        lines_of_zram.append(f"compression-algorithm = {name}{options}")
    return [*lines_of_zram, f"swap-priority = {_PRIORITY}"]


def fstab_path(path: PurePosixPath) -> str:
    """`path` as a field of fstab(5), blanks and backslashes in octal.

    >>> fstab_path(PurePosixPath("/my swap"))
    '/my\\\\040swap'
    """
    return "".join(f"\\{ord(char):03o}" if char in " \t\n\\#" else char for char in str(path))


def _unit_word(text: str) -> str:
    """`text` as one word of a unit's line: specifiers mean themselves (systemd.syntax(7))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _exec_word(text: str) -> str:
    """`text` as one word of a command: so do variables (systemd.service(5))."""
    return _unit_word(text.replace("$", "$$"))
