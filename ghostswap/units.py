"""Sizes as util-linux reads and writes them: `64M` and `64MiB` are 1024², `64MB` is 1000²; and
durations as systemd does: `30s`, `2min`, `1h`. Shares as `5%` or `0.05`."""

import re
from collections.abc import Sequence

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?P<suffix>iB|B)?", re.IGNORECASE)
_SHARE = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)\s*(?P<percent>%?)")
_DURATION = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)\s*(?P<unit>s|sec|min|h|d)")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86400}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Bytes meant by `text`: a bare number, or one with K, KiB (1024), KB (1000) up to T.

    Raises ValueError, with the reason, on anything else, also when the result is no whole number
    of bytes.

    >>> parse_size("64M"), parse_size("64MB"), parse_size("1.5K")
    (67108864, 64000000, 1536)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a size: {text!r} (examples: 4096, 512M, 1.5GiB, 2GB)")
    unit, suffix = match["unit"].upper(), (match["suffix"] or "").upper()
    if suffix == "IB" and not unit:
        raise ValueError(f"not a size: {text!r} (iB needs a unit before it: KiB, MiB, GiB, TiB)")
    base = 1000 if suffix == "B" else 1024
    whole, _, decimals = match["number"].partition(".")
    size, rest = divmod(int(whole + decimals) * base ** _POWERS[unit], 10 ** len(decimals))
    if rest:
        raise ValueError(f"not a whole number of bytes: {text!r}")
    return int(size)


def format_size(size: int, *, fine: bool = False) -> str:
    """`size` in bytes for a reader, in the largest binary unit that keeps it at 1 or more.

    With `fine`, from a GiB on with four digits: for figures that are to be compared.

    >>> format_size(4096), format_size(1073737728), format_size(-1536), format_size(7)
    ('4 KiB', '1024 MiB', '-1.5 KiB', '7 B')
    >>> format_size(13_400_000_000, fine=True), format_size(64 << 30, fine=True)
    ('12.48 GiB', '64 GiB')
    """
    power = min(max(abs(size).bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    decimals = 1
    if fine and power >= _POWERS["G"]:
        decimals = max(4 - len(str(abs(size) >> 10 * power)), 1)
    number = f"{size / 1024**power:.{decimals}f}".rstrip("0").rstrip(".")
    return f"{number} {_UNITS[power]}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first of `names` for a reader, and how many more there are.

    >>> listed(["a", "b"]), listed([str(number) for number in range(61)])
    ('a, b', '0, 1, 2 and 58 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def parse_share(text: str) -> float:
    """The fraction meant by `text`, a number or one with a percent sign.

    Raises ValueError, with the reason, on anything else.

    >>> parse_share("5%"), parse_share("0.05")
    (0.05, 0.05)
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a share: {text!r} (examples: 5%, 0.05)")
    return float(match["number"]) / (100 if match["percent"] else 1)


def parse_duration(text: str) -> float:
    """Seconds meant by a number with s, min, h or d.

    Raises ValueError, with the reason, on anything else, also without a unit.

    >>> parse_duration("30s"), parse_duration("2min"), parse_duration("1.5 h")
    (30.0, 120.0, 5400.0)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a duration: {text!r} (examples: 30s, 2min, 1h)")
    return float(match["number"]) * _SECONDS[match["unit"]]


def format_duration(seconds: float) -> str:
    """`seconds` for a reader, in the largest unit that keeps it a whole number, if one does.

    >>> format_duration(30), format_duration(120.0), format_duration(5400), format_duration(7.25)
    ('30 s', '2 min', '90 min', '7.2 s')
    """
    for unit in ("h", "min"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f} {unit}"
    return f"{seconds:.1f}".removesuffix(".0") + " s"
