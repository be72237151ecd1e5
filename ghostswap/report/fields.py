"""A row of output described once: for JSON its keys, for tables its titles and how cells read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ghostswap.units import format_size

T = TypeVar("T")


def plain(value: Any, exact: bool) -> str:
    """The value as it is."""
    return str(value)


def size(value: Any, exact: bool) -> str:
    """Bytes: digits only where exact, else 1.465 GiB: the rows differ by little."""
    return str(value) if exact else format_size(value, fine=True)


def count(value: Any, exact: bool) -> str:
    """A number of things, its thousands apart."""
    return f"{value:,}"


def share(value: Any, exact: bool) -> str:
    """A share to a hundredth of a percent."""
    return f"{value:.2%}"


def ratio(value: Any, exact: bool) -> str:
    """A ratio to two decimals."""
    return f"{value:.2f}"


NOTHING = "-"
"""What stands in every table where there is no figure."""


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One figure of a T. `key` is where JSON has it, as capacity.expected.slots, and empty where it
    does not; `title` is that of its column, empty for one that no table shows."""

    key: str
    title: str
    value: Callable[[T], Any]
    text: Callable[[Any, bool], str] = plain

    def cell(self, row: T, *, exact: bool = False) -> str:
        """The figure of `row` as a table shows it; NOTHING where there is none."""
        value = self.value(row)
        return NOTHING if value is None else self.text(value, exact)


def as_json(fields: Iterable[Field[T]], row: T) -> dict[str, Any]:
    """`row` as a JSON object, objects inside it where a key has dots."""
    written: dict[str, Any] = {}
    for field in fields:
        if field.key:
            *outer, last = field.key.split(".")
            inside = written
            for name in outer:
                inside = inside.setdefault(name, {})
            inside[last] = field.value(row)
    return written


def titled(fields: Sequence[Field[T]], *titles: str) -> list[Field[T]]:
    """The fields that tables show: all that have a title, or those of `titles` in this order."""
    by_title = {field.title: field for field in fields if field.title}
    return [by_title[title] for title in titles or by_title]
