"""Completions for fish."""

from collections.abc import Iterator, Sequence

from completions.tree import HELP_SUMMARY, Command, Option
from completions.values import Kind, Values, as_argument, with_values

_BEGIN = r"""# fish completions for ghostswap. Written by python -m completions.

function __ghostswap_command --argument-names wanted --description 'Is this the command so far?'
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            test "$word" = "$wanted"
            return
        end
    end
    test -z "$wanted"
end

function __ghostswap_processes
    cat (string match -r '^/proc/\d+$' /proc/*)/comm 2>/dev/null | sort -u
end

function __ghostswap_cgroups
    set -l begin (commandline -ct | string replace -r '^--cgroup=' '')
    for group in /sys/fs/cgroup/$begin*/
        string replace /sys/fs/cgroup/ '' $group
    end
end

function __ghostswap_ghosts
    for device in /dev/mapper/ghostswap-*
        string replace /dev/mapper/ '' $device
    end
end

complete -c ghostswap -f
"""
_OFFER = {
    Kind.PID: "(__fish_complete_pids)",
    Kind.PROCESS: "(__ghostswap_processes)",
    Kind.USER: "(__fish_complete_users)",
    Kind.CGROUP: "(__ghostswap_cgroups)",
    Kind.DIRECTORY: "(__fish_complete_directories)",
    Kind.GHOST: "(__ghostswap_ghosts)",
}


def script(program: Command, commands: Sequence[Command]) -> str:
    """The completion script."""
    return _BEGIN + "".join(f"{line}\n" for line in _lines(program, commands))


def _lines(program: Command, commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        yield f"{_when('')} -a {command.name} -d {_quoted(command.summary)}"
    yield f"{_when('')} -a help -d {_quoted(HELP_SUMMARY)}"
    yield f"{_when('help')} -a {_quoted(' '.join(command.name for command in commands))}"
    for command in (program, *commands):
        yield ""
        for argument in command.arguments:
            yield _when(command.name) + _offer(as_argument(argument))
        values = dict(with_values(command))
        for option in command.options:
            yield _when(command.name) + _option(option, values.get(option))


def _when(command: str) -> str:
    condition = f"__ghostswap_command {command}".rstrip()
    return f"complete -c ghostswap -n {_quoted(condition)}"


def _option(option: Option, values: Values | None) -> str:
    spelt = "".join(
        f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names
    )
    needed = "" if values is None else f" -r{_offer(values)}"
    return f"{spelt}{needed} -d {_quoted(option.help.rstrip('.'))}"


def _offer(values: Values) -> str:
    match values.kind:
        case Kind.FILE:
            return " -F"
        case Kind.NOTHING:
            return " -f"
        case Kind.WORDS:
            return f" -f -a {_quoted(' '.join(values.words))}"
        case Kind.LIST:
            words = " ".join(values.words)
            each = rf'(__fish_complete_list , "printf %s\n {words}")'
            return f" -f -a {_quoted(each)}"
        case Kind.GHOST:
            return f" -F -a {_quoted(_OFFER[values.kind])}"
    return f" -f -a {_quoted(_OFFER[values.kind])}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
