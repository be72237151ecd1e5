"""What may follow an option, or stand as an argument: what a shell can offer for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from completions.tree import Argument, Command, Option
from ghostswap.census import codecs
from ghostswap.cli import fleet_view
from ghostswap.cli.estimate_view import SYSTEM_COLUMNS
from ghostswap.cli.host_view import SWAP_COLUMNS
from ghostswap.cli.plan_view import SIZE_COLUMNS
from ghostswap.cli.render import Column
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.kernel.slots import MILESTONES


class Kind(Enum):
    """Where a shell finds what to offer."""

    NOTHING = auto()  # a number, a size, a text: nobody can guess it
    WORDS = auto()
    LIST = auto()  # of such words, with commas between
    FILE = auto()
    DIRECTORY = auto()
    PID = auto()
    PROCESS = auto()  # by name
    USER = auto()
    CGROUP = auto()  # below /sys/fs/cgroup
    GHOST = auto()  # a file, or the name of a device that `on` made


@dataclass(frozen=True, slots=True)
class Values:
    """What to offer; `words` for WORDS and LIST."""

    kind: Kind
    words: tuple[str, ...] = ()


_BY_OPTION = {
    "--algorithm": Values(Kind.WORDS, codecs.NAMES),
    "--cgroup": Values(Kind.CGROUP),
    "--kernel": Values(Kind.WORDS, tuple(map(str, MILESTONES))),
    "--page-size": Values(Kind.WORDS, tuple(map(str, PAGE_SIZES))),
    "--recompress": Values(Kind.WORDS, codecs.NAMES),
    "--user": Values(Kind.USER),
}
_BY_METAVAR = {
    "CENSUS|DIRECTORY": Values(Kind.FILE),
    "DIR": Values(Kind.DIRECTORY),
    "FILE": Values(Kind.FILE),
    "PATH": Values(Kind.FILE),
    "PATH|NAME": Values(Kind.GHOST),
    "PID": Values(Kind.PID),
    "REGEX": Values(Kind.PROCESS),
}


def _names(columns: Sequence[Column]) -> Values:
    return Values(Kind.LIST, tuple(column.name for column in columns))


_COLUMNS = {
    "estimate-dedup": _names(SYSTEM_COLUMNS),
    "fleet": _names(fleet_view.SYSTEM_COLUMNS),
    "inspect": _names(SWAP_COLUMNS),
    "plan": _names(SIZE_COLUMNS),
}


def after_option(command: Command, option: Option) -> Values:
    """What may follow this option, which is no flag."""
    name, metavar = option.names[-1], option.metavar or ""
    if option.choices:
        return Values(Kind.WORDS, option.choices)
    if name == "--output":
        return _COLUMNS.get(command.name, Values(Kind.NOTHING))
    return _BY_OPTION.get(name) or _BY_METAVAR.get(metavar) or Values(Kind.NOTHING)


def as_argument(argument: Argument) -> Values:
    """What may stand for this argument."""
    if argument.is_path:
        return Values(Kind.FILE)
    return _BY_METAVAR.get(argument.metavar, Values(Kind.NOTHING))


def with_values(command: Command) -> Iterator[tuple[Option, Values]]:
    """The options that something follows, and what."""
    for option in command.options:
        if option.metavar:
            yield option, after_option(command, option)
