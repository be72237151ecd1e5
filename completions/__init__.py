"""Completions for bash, zsh and fish: `python -m completions` writes them from the command tree.

The shells read static files: a TAB starts no Python.
"""

from pathlib import Path

HERE = Path(__file__).parent


def write(folder: Path = HERE) -> None:
    """Write the three scripts into `folder`, under the names that tell the shells apart."""
    from completions import bash, fish, zsh
    from completions.tree import program, subcommands

    for name, shell in (
        ("ghostswap.bash", bash),
        ("_ghostswap", zsh),
        ("ghostswap.fish", fish),
    ):
        (folder / name).write_text(shell.script(program(), subcommands()))
