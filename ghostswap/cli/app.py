"""The command tree, and how every failure becomes one line and an exit status."""

import errno
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from ghostswap import __version__
from ghostswap.cli.help import GroupedCommand
from ghostswap.cli.render import DONE, INTERRUPTED, REFUSED, USAGE, complain
from ghostswap.cli.startup import skip_pydantic
from ghostswap.errors import GhostswapError, UsageError, os_reason
from ghostswap.signals import unwinding

SIGNALLED = 128
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

# Each is imported only when it is run: `inspect` should not wait for what `estimate-dedup` needs.
COMMANDS = {
    "estimate-dedup": ("ghostswap.cli.estimate", "estimate_dedup"),
    "fleet": ("ghostswap.cli.fleet", "fleet"),
    "inspect": ("ghostswap.cli.inspect", "inspect"),
    "label": ("ghostswap.cli.label", "label"),
    "mkghost": ("ghostswap.cli.mkghost", "mkghost"),
    "off": ("ghostswap.cli.off", "off"),
    "on": ("ghostswap.cli.on", "on"),
    "plan": ("ghostswap.cli.plan", "plan"),
}
# What --help says of each, so that it need not import them: how their own help begins.
SUMMARIES = {
    "estimate-dedup": "Estimate what zram, zswap, dedup and KSM would save.",
    "fleet": "Say what many hosts would save, and what they share.",
    "inspect": "Explain swap files and devices, or how this host swaps.",
    "label": "Show or change the label and the UUID of a swap area.",
    "mkghost": "Write a ghost swap file: one page, for any size of area.",
    "off": "Give up ghost areas; memory takes back what they hold.",
    "on": "Swap to a ghost area: to zswap alone, without a disk.",
    "plan": "Say how large a swap area should be.",
}


def command_tree(
    names: Iterable[str] = COMMANDS, ended: Callable[[object], None] = lambda status: None
) -> typer.Typer:
    """The program with the subcommands `names`; `ended` is told the status that one returns."""
    tree = _program()
    for name in names:
        module, function = COMMANDS[name]
        command = getattr(importlib.import_module(module), function)
        tree.command(name, cls=GroupedCommand)(_telling(command, ended))
    return tree


def _tree_of_names() -> typer.Typer:
    """The program where no subcommand is run: it knows their names and summaries."""
    tree = _program()
    for name, summary in SUMMARIES.items():
        tree.command(name, help=summary)(_never_run)
    return tree


def _never_run() -> None:
    raise AssertionError("only its name is known")


def _program() -> typer.Typer:
    program = typer.Typer(
        name="ghostswap",
        rich_markup_mode=None,  # plain help and errors: one line each, no import of rich
        no_args_is_help=True,
        add_completion=False,  # Typer's start Python at each TAB; completions/ has static ones
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="'ghostswap help COMMAND' tells the options of one, and shows examples.",
    )
    program.callback()(ghostswap)
    return program


def _telling(command: Callable[..., int], ended: Callable[[object], None]) -> Callable[..., int]:
    @functools.wraps(command)
    def telling(*arguments: Any, **options: Any) -> int:
        status = command(*arguments, **options)
        ended(status)
        return status

    return telling


def _print_version(given: bool) -> None:
    if given:
        typer.echo(f"ghostswap {__version__}")
        raise typer.Exit


def ghostswap(
    version: Annotated[
        bool,
        typer.Option(
            "-V", "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """What compressed swap and page dedup would save, in the kernel's own figures."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit status, having printed at most one line on stderr.

    Where a signal has ended it, that is 128 and the number of the signal, as shells have it.
    """
    with unwinding() as signals:
        status = _run(arguments)
    return SIGNALLED + signals[0] if signals and status == INTERRUPTED else status


def _run(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    words = [word for word in arguments if not word.startswith("-")]
    named = [word for word in words[:1] if word in COMMANDS]
    try:
        if sys.stdout is None:  # closed by whoever started this
            raise GhostswapError("standard output", "is closed")
        skip_pydantic()
        returned: list[object] = []
        program = command_tree(named, returned.append) if named else _tree_of_names()
        status = program(list(arguments), prog_name="ghostswap", standalone_mode=False)
        if status == INTERRUPTED and not returned:
            raise KeyboardInterrupt  # Typer makes a status of it and says nothing
        sys.stdout.flush()
    except TyperException as error:
        return _usage(error)
    except UsageError as error:
        return _fail(str(error), USAGE)
    except GhostswapError as error:
        return _fail(str(error), REFUSED)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _drop_output()  # the reader (head, less) has what it wanted
        return REFUSED
    except OSError as error:
        if error.errno in _OUTPUT_ERRORS and error.filename is None:
            _drop_output()
            return _fail(f"standard output: {os_reason(error)}", REFUSED)
        return _fail(f"{error.filename or 'ghostswap'}: {os_reason(error)}", REFUSED)
    except MemoryError:
        return _fail("out of memory", REFUSED)
    except Exception as error:
        if os.environ.get("GHOSTSWAP_TRACEBACK"):
            raise
        # A fault of ours: still one line. GHOSTSWAP_TRACEBACK=1 shows where.
        return _fail(f"internal error: {type(error).__name__}: {error}", REFUSED)
    return status if isinstance(status, int) else DONE


def _drop_output() -> None:
    """Let what is left for stdout go nowhere: Python would try, and complain, again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: TyperException) -> int:
    """A wrong command line: one line, or the help where no command was named."""
    message = error.format_message()
    if message.startswith("Usage:"):
        typer.echo(message, err=True)
        return USAGE
    # Typer knows in which command it was; of an unknown one, in the program.
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ghostswap"
    return _fail(f"{message.rstrip('.')}. Try '{command} --help'.", USAGE)


def _fail(line: str, status: int) -> int:
    complain(line)
    return status
