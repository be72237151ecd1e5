"""Start fast: plain command-line values are converted here, not by pydantic, as Typer would.

Typer since 0.26 builds a pydantic adapter for every parameter of the command it runs; importing
pydantic takes longer than importing Typer, and ours are text, numbers, paths and enums.
"""

import enum
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import typer

Convert = Callable[[Any], Any]


@functools.cache
def skip_pydantic() -> None:
    """Have Typer convert plain parameters by `converter`, any others as before.

    It reaches into Typer, so a release that is built otherwise is left as it is: only slower.
    """
    try:
        from typer import core
        from typer._coercion import RuntimeParam, TypeDescriptor

        inside = vars(core)  # Typer does not export what is replaced here
        typers_own: Callable[[TypeDescriptor], RuntimeParam] = inside["build_runtime_param"]
    except (ImportError, KeyError):
        return

    class Plain(RuntimeParam):
        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            convert = converter(self.annotation, self.parameter_info) or str
            try:
                if param.multiple or param.nargs == -1:
                    return [convert(each) for each in value]
                return convert(value)
            except typer.BadParameter as error:
                raise typer.BadParameter(error.message, ctx=ctx, param=param) from None
            except ValueError as error:
                raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def build(described: TypeDescriptor) -> RuntimeParam:
        try:
            if converter(described.annotation, described.parameter_info) is not None:
                return Plain(described.parameter_info, described.annotation)
        except (AttributeError, TypeError):  # not what this was written for
            pass
        return typers_own(described)

    inside["build_runtime_param"] = build


def converter(annotation: Any, info: Any) -> Convert | None:
    """What converts one value of a parameter of this type; None for what Typer had better do."""
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
    if info.parser is not None:
        parser: Convert = info.parser
        return parser
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, enum.Enum):
        return lambda value: _choice(annotation, value)
    if info.min is not None or info.max is not None or info.exists or info.resolve_path:
        return None
    plain: dict[type, Convert] = {
        str: str,
        bool: bool,
        int: _whole_number,
        float: _number,
        Path: Path,
    }
    return plain.get(annotation)


def _choice(kind: type[enum.Enum], value: Any) -> enum.Enum:
    for member in kind:
        if value in (member, member.value):
            return member
    known = ", ".join(str(member.value) for member in kind)
    raise ValueError(f"{value!r} is not one of {known}")


def _whole_number(text: Any) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _number(text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
