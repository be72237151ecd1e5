"""Completions for bash: a function of shell alone, without the bash-completion package."""

from collections.abc import Iterator, Sequence

from completions.tree import Command
from completions.values import Kind, Values, as_argument, with_values

_BEGIN = r"""# bash completion for ghostswap. Written by python -m completions.

# Offers those of the lines on standard input that begin with $cur, as the shell would quote them.
_ghostswap_lines() {
    local line
    while IFS= read -r line; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("$(printf %q "$line")")
    done
}

_ghostswap_words() {
    compopt +o default
    _ghostswap_lines < <(printf '%s\n' "$@")
}

_ghostswap_list() {
    local before=
    [[ $cur == *,* ]] && before=${cur%,*},
    compopt -o nospace
    _ghostswap_words "${@/#/$before}"
}

_ghostswap_pids() {
    compopt +o default
    _ghostswap_lines < <(cd /proc && printf '%s\n' [0-9]*)
}

_ghostswap_processes() {
    compopt +o default
    _ghostswap_lines < <(cat /proc/[0-9]*/comm 2>/dev/null | sort -u)
}

_ghostswap_users() {
    compopt +o default
    _ghostswap_lines < <(compgen -u | sort -u)
}

_ghostswap_cgroups() {
    compopt +o default -o nospace
    _ghostswap_lines < <(cd /sys/fs/cgroup && printf '%s\n' "$cur"*/ 2>/dev/null | grep -v '\*/$')
}

_ghostswap_ghosts() {
    local device
    for device in /dev/mapper/ghostswap-*; do
        [[ -e $device && ${device##*/} == "$cur"* ]] && COMPREPLY+=("${device##*/}")
    done
}

_ghostswap() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    if [[ $cur == = ]]; then # --option=, which bash takes for two words
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    COMPREPLY=()
"""
_END = """}

# Where a case offers nothing, bash offers files; a case that wants neither says so.
complete -o default -F _ghostswap ghostswap
"""
_OFFER = {
    Kind.NOTHING: "compopt +o default",
    Kind.WORDS: "_ghostswap_words",
    Kind.LIST: "_ghostswap_list",
    Kind.FILE: ":",
    Kind.DIRECTORY: "compopt +o default -o dirnames",
    Kind.PID: "_ghostswap_pids",
    Kind.PROCESS: "_ghostswap_processes",
    Kind.USER: "_ghostswap_users",
    Kind.CGROUP: "_ghostswap_cgroups",
    Kind.GHOST: "_ghostswap_ghosts",
}


def script(program: Command, commands: Sequence[Command]) -> str:
    """The completion script, to be sourced."""
    return _BEGIN + "".join(f"    {line}\n" for line in _body(program, commands)) + _END


def _body(program: Command, commands: Sequence[Command]) -> Iterator[str]:
    yield "case $command:$prev in"
    for pattern, values in _followed(commands):
        yield from (f"    {pattern})", f"        {_offer(values)}", "        return", "        ;;")
    yield "esac"
    yield "if [[ $cur == -* ]]; then"
    yield "    case $command in"
    for command in (program, *commands):
        names = " ".join(name for option in command.options for name in option.names)
        yield f"        {command.name or chr(39) * 2}) _ghostswap_words {names} ;;"
    yield from ("    esac", "    return", "fi")
    yield "case $command in"
    known = " ".join(command.name for command in commands)
    yield f"    '') _ghostswap_words {known} help ;;"
    yield f"    help) _ghostswap_words {known} ;;"
    for command in commands:
        offers = [_offer(as_argument(argument)) for argument in command.arguments]
        yield f"    {command.name}) {offers[0] if offers else _OFFER[Kind.NOTHING]} ;;"
    yield "esac"


def _followed(commands: Sequence[Command]) -> Iterator[tuple[str, Values]]:
    """Patterns of COMMAND:OPTION, those together that the same may follow."""
    patterns: dict[Values, list[str]] = {}
    for command in commands:
        for option, values in with_values(command):
            patterns.setdefault(values, []).extend(
                f"{command.name}:{name}" for name in option.names
            )
    for values, followed in patterns.items():
        yield " | ".join(followed), values


def _offer(values: Values) -> str:
    return " ".join([_OFFER[values.kind], *values.words])
