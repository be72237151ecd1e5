"""How a subcommand's `--help` reads: its options in named groups, a line each where they fit."""

from typing import Any

from typer.core import TyperCommand

READ = "What to read"
COMPRESS = "How to compress"
RULES = "Whose rules"
MACHINE = "For which machine"
SHOW = "What to show"
SAVE = "What to keep"
OUTPUT = "Output"
_ARGUMENTS, _OTHERS = "Arguments", "Options"
_ORDER = (_ARGUMENTS, _OTHERS, READ, COMPRESS, RULES, MACHINE, SHOW, SAVE, OUTPUT)
_NAMES_WIDTH = 20  # longer names stand on a line of their own

EXAMPLES = {
    "estimate-dedup": (
        "ghostswap estimate-dedup --all --save today.parquet",
        "ghostswap estimate-dedup --name firefox --children --group-by mapping",
        "ghostswap estimate-dedup --quick --error 1% vm.core.zst",
    ),
    "fleet": (
        "ghostswap fleet censuses/",
        "ghostswap fleet --json monday.parquet tuesday.parquet",
    ),
    "inspect": (
        "ghostswap inspect",
        "ghostswap inspect --watch 5",
        "ghostswap inspect /swapfile",
    ),
    "label": ("ghostswap label /var/lib/ghost --label fast",),
    "mkghost": ("ghostswap mkghost /var/lib/ghost --size 64G --label ghost",),
    "off": ("ghostswap off", "ghostswap off --all"),
    "on": (
        "ghostswap on --size 16G --enable-zswap",
        "ghostswap on /var/lib/ghost --size 64G --priority 100",
        "ghostswap on /var/lib/ghost --dry-run",
    ),
    "plan": (
        "ghostswap plan --all",
        "ghostswap plan report.json --demand capacity --ram 16G,64G,256G",
        "ghostswap plan report.json --emit sh",
    ),
}
"""Command lines that `--help` of a command ends with."""


class GroupedCommand(TyperCommand):
    """A subcommand whose options are listed by their `rich_help_panel`, one of those above."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage line; Typer sets braces around what is required."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the lists of arguments and options, called by Typer."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                names, text = record
                if param.param_type_name == "argument":
                    group, names = _ARGUMENTS, names.partition(" <")[0]
                elif "--help" in param.opts:
                    group = OUTPUT
                else:
                    group = getattr(param, "rich_help_panel", None) or _OTHERS
                plain = names.replace("<", "").replace(">", "")  # Typer marks choices so
                groups.setdefault(group, []).append((plain, text))
        for group in sorted(groups, key=_ORDER.index):
            with formatter.section(group):
                formatter.write_dl(groups[group], col_max=_NAMES_WIDTH)
        with formatter.section("Examples"):
            for example in EXAMPLES[str(self.name)]:
                formatter.write_text(example)
