"""Which processes the user means: by number, name, user, control group, or all of them."""

import os
import pwd
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError, UsageError

_PROC = Path("/proc")
_CGROUP_MOUNT = "/sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Selection:
    """What processes were asked for; one that fits any of these is meant.

    `names` are regular expressions for the kernel's name of a process (comm, 15 bytes at most: a
    longer one would have to be read from its memory), `users` names or numbers, `cgroups` paths as
    in /proc/PID/cgroup or below /sys/fs/cgroup. `children` adds all descendants.
    """

    pids: Sequence[int] = ()
    names: Sequence[str] = ()
    users: Sequence[str] = ()
    cgroups: Sequence[str] = ()
    everyone: bool = False
    children: bool = False

    @property
    def by_kind(self) -> bool:
        """True when processes were asked for in another way than by number."""
        return bool(self.names or self.users or self.cgroups or self.everyone)


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    name: str
    user: int


def select(selection: Selection) -> list[int]:
    """The numbers of the processes meant, those named by number first, each once.

    This process itself is left out unless it was named by number. Raises UsageError for a bad
    expression or user, and GhostswapError where a condition fits no process.
    """
    pids = list(dict.fromkeys(selection.pids))
    if not selection.by_kind and not selection.children:
        return pids
    running = _running()
    if selection.everyone:
        pids += [process.pid for process in running]
    for pattern in selection.names:
        expression = _expression(pattern)
        fitting = [process.pid for process in running if expression.search(process.name)]
        pids += _some(fitting, f"--name {pattern}")
    for user in selection.users:
        number = _user_number(user)
        fitting = [process.pid for process in running if process.user == number]
        pids += _some(fitting, f"--user {user}")
    for path in selection.cgroups:
        fitting = [process.pid for process in running if _in_cgroup(process.pid, path)]
        pids += _some(fitting, f"--cgroup {path}")
    if selection.children:
        pids += _descendants(pids, running)
    return list(dict.fromkeys(pids))


def _running() -> list[_Process]:
    """All processes but this one, in order of their numbers."""
    numbers = sorted(int(each.name) for each in _PROC.iterdir() if each.name.isdecimal())
    processes = (_process(pid) for pid in numbers if pid != os.getpid())
    return [process for process in processes if process is not None]


def _process(pid: int) -> _Process | None:
    """What is known of a process without touching its memory; None where it has ended.

    Its user owns /proc/PID (fs/proc/base.c, task_dump_owner(), Linux 6.18): the effective one, and
    no name that a process gives itself can pretend otherwise.
    """
    folder = _PROC / str(pid)
    try:
        user = folder.stat().st_uid
        stat = (folder / "stat").read_bytes()
    except OSError:
        return None
    # "pid (comm) state ppid …": comm may hold anything, also ")" and newlines.
    head, _, fields = stat.rpartition(b")")
    name = head.partition(b"(")[2].decode(errors="surrogateescape")
    return _Process(pid, int(fields.split()[1]), name, user)


def _some(pids: list[int], condition: str) -> list[int]:
    if not pids:
        raise GhostswapError(condition, "no such process runs")
    return pids


def _expression(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError("--name", f"not a regular expression: {pattern!r} ({error})") from None


def _user_number(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        if user.isdecimal():
            return int(user)
        raise UsageError("--user", f"there is no user {user!r}") from None


def group_path(path: str) -> str:
    """A control group's path from the root group, of that or of its folder below _CGROUP_MOUNT."""
    return "/" + path.removeprefix(_CGROUP_MOUNT).strip("/")


def _in_cgroup(pid: int, path: str) -> bool:
    """Whether a process is in the group or one below it, in any hierarchy."""
    group = os.fsencode(group_path(path))
    try:
        lines = (_PROC / str(pid) / "cgroup").read_bytes().split(b"\n")
    except OSError:
        return False
    return any(
        mine == group or mine.startswith(group.rstrip(b"/") + b"/")
        for mine in (line.split(b":", 2)[2] for line in lines if line)
    )


def start_time(folder: Path) -> int:
    """When the process or thread of the folder /proc/PID began, in clock ticks since boot (field 22
    of stat): with its number, it names a process for good. Raises OSError where it has ended."""
    return parse_start_time((folder / "stat").read_bytes())


def parse_start_time(stat: bytes) -> int:
    """The same, out of what the kernel says in that folder's stat."""
    return int(stat.rpartition(b")")[2].split()[19])


def control_group(pid: int) -> str:
    """The control group of a process, of version 2 where it is in one; empty where it has ended."""
    try:
        text = (_PROC / str(pid) / "cgroup").read_bytes().decode(errors="backslashreplace")
    except OSError:
        return ""
    groups = [line.split(":", 2)[2] for line in text.rstrip("\n").split("\n")]
    return groups[-1]  # version 2 comes last, as 0::/PATH


def _descendants(ancestors: Iterable[int], running: Sequence[_Process]) -> list[int]:
    """Children of these processes, and theirs."""
    children: dict[int, list[int]] = {}
    for process in running:
        children.setdefault(process.parent, []).append(process.pid)
    descendants: list[int] = []
    waiting = list(ancestors)
    seen = set(waiting)
    while waiting:
        for pid in children.get(waiting.pop(), []):
            if pid not in seen:
                seen.add(pid)
                descendants.append(pid)
                waiting.append(pid)
    return descendants
