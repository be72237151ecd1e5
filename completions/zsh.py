"""Completions for zsh, by its _arguments."""

from collections.abc import Iterator, Sequence

from completions.tree import HELP_SUMMARY, Argument, Command, Option
from completions.values import Kind, Values, as_argument, with_values

_BEGIN = r"""#compdef ghostswap
# zsh completion for ghostswap. Written by python -m completions.

_ghostswap_pids() {
    local -a pids=(/proc/<->(N:t)) shown=()
    local pid
    for pid in $pids; do
        shown+=("$pid $(cat /proc/$pid/comm 2>/dev/null)")
    done
    compadd -l -d shown -a pids
}

_ghostswap_cgroups() {
    _files -W /sys/fs/cgroup -/
}

_ghostswap_processes() {
    local -a names=(${(u)${(f)"$(cat /proc/<->/comm 2>/dev/null)"}})
    compadd -a names
}

_ghostswap_ghosts() {
    local -a names=(/dev/mapper/ghostswap-*(N:t))
    _alternative 'names:name:compadd -a names' 'files:ghost file:_files'
}

"""
_END = """
_ghostswap "$@"
"""
_OFFER = {
    Kind.NOTHING: " ",
    Kind.FILE: "_files",
    Kind.DIRECTORY: "_directories",
    Kind.PID: "_ghostswap_pids",
    Kind.PROCESS: "_ghostswap_processes",
    Kind.USER: "_users",
    Kind.CGROUP: "_ghostswap_cgroups",
    Kind.GHOST: "_ghostswap_ghosts",
}


def script(program: Command, commands: Sequence[Command]) -> str:
    """The completion function, for a folder in $fpath."""
    return _BEGIN + "".join(f"{line}\n" for line in _function(program, commands)) + _END


def _function(program: Command, commands: Sequence[Command]) -> Iterator[str]:
    yield "_ghostswap() {"
    yield '    local curcontext="$curcontext" state line'
    yield "    local -a commands=("
    for command in commands:
        yield f"        {_quoted(f'{command.name}:{command.summary}')}"
    yield f"        {_quoted(f'help:{HELP_SUMMARY}')}"
    yield "    )"
    yield "    _arguments -C \\"
    for option in program.options:
        yield f"        {_option(option, None)} \\"
    yield "        '1:command:->command' '*::argument:->rest'"
    yield "    case $state in"
    yield "        command) _describe command commands; return ;;"
    yield "        rest) ;;"
    yield "        *) return ;;"
    yield "    esac"
    yield '    curcontext="${curcontext%:*}-$words[1]:"'
    yield "    case $words[1] in"
    for command in commands:
        yield f"        {command.name})"
        specs = [*_options(command), *map(_argument, command.arguments)]
        yield "            _arguments \\"
        yield " \\\n".join(f"                {spec}" for spec in specs)
        yield "            ;;"
    yield "        help) _describe command commands ;;"
    yield from ("    esac", "}")


def _options(command: Command) -> Iterator[str]:
    values = dict(with_values(command))
    for option in command.options:
        yield _option(option, values.get(option))


def _option(option: Option, values: Values | None) -> str:
    """A spec of _arguments: `(not after these)*--name=[help]:what:offer`, where several names stand
    in braces: -n+ takes what follows as the same word or the next, --name= likewise."""
    text = option.help.rstrip(".").replace("[", r"\[").replace("]", r"\]")
    names, behind = option.names, f"[{text}]"
    if values is not None:
        names = tuple(name + ("=" if name.startswith("--") else "+") for name in names)
        behind += f":{_what(option.metavar)}:{_offer(values)}"
    times = "*" if option.repeatable else ""
    if len(names) == 1:
        return _quoted(times + names[0] + behind)
    before = times or f"({' '.join(option.names)})"
    return f"'{before}'{{{','.join(names)}}}{_quoted(behind)}"


def _argument(argument: Argument) -> str:
    times = "*" if argument.many else "1" if argument.required else "1:"
    return _quoted(f"{times}:{_what(argument.metavar)}:{_offer(as_argument(argument))}")


def _what(metavar: str | None) -> str:
    return (metavar or "").replace(":", r"\:")


def _offer(values: Values) -> str:
    if values.kind is Kind.WORDS:
        return f"({' '.join(values.words)})"
    if values.kind is Kind.LIST:
        return f"_sequence compadd - {' '.join(values.words)}"
    return _OFFER[values.kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
