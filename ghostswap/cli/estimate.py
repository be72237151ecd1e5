"""`ghostswap estimate-dedup`: what compressed swap and page dedup would save for these pages."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ghostswap.application.method import DEFAULT_ERROR, Engine, GroupBy, Idle, Method
from ghostswap.cli import kernel_rules, options, plot, saving, sources
from ghostswap.cli.help import COMPRESS, SHOW
from ghostswap.cli.progress import listener
from ghostswap.cli.render import View, choose_columns, print_json
from ghostswap.errors import UsageError
from ghostswap.idle.trackers import TrackerName
from ghostswap.kernel.recompression import Recompression
from ghostswap.signals import OUTPUT_SECONDS, held

# Each content of --top is held with its beginning and the names of its sources, some 2 kB.
_MOST_TOP = 10_000


def _recompression(text: str) -> Recompression:
    try:
        return Recompression.parse(text)
    except ValueError as error:
        raise UsageError("--recompress", str(error)) from None


def estimate_dedup(
    files: sources.Files = None,
    pid: sources.Pids = None,
    name: sources.Names = None,
    user: sources.Users = None,
    cgroup: sources.Cgroups = None,
    everyone: sources.Everyone = False,
    children: sources.Children = False,
    raw: sources.Raw = False,
    max_expansion: sources.MaxExpansion = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            rich_help_panel=COMPRESS,
            help="lz4 (default), lz4hc, zstd[:LEVEL], lzo, lzo-rle or deflate; repeatable.",
        ),
    ] = None,
    recompress: Annotated[
        str | None,
        typer.Option(
            "--recompress",
            metavar="NAME[:…]",
            rich_help_panel=COMPRESS,
            help="zram after NAME too: [:huge|idle|all][:threshold=BYTES].",
        ),
    ] = None,
    kernel: kernel_rules.Kernel = None,
    zpool: kernel_rules.Zpool = None,
    ghost: kernel_rules.Ghost = False,
    no_writeback: kernel_rules.NoWriteback = False,
    whole_huge_pages: kernel_rules.WholeHugePages = False,
    page_size: sources.PageSize = None,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            rich_help_panel=COMPRESS,
            help="By libraries, or by this kernel's zram (root).",
        ),
    ] = Engine.LIBRARY,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            rich_help_panel=COMPRESS,
            help="Use both engines and show the difference (root).",
        ),
    ] = False,
    group_by: Annotated[
        GroupBy | None,
        typer.Option("--group-by", rich_help_panel=SHOW, help="Also count pages by group."),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            parser=options.number(0, _MOST_TOP),
            metavar="N",
            rich_help_panel=SHOW,
            show_default=False,  # none
            help="The N most copied contents, how they begin.",
        ),
    ] = 0,
    histogram: Annotated[
        bool,
        typer.Option(
            "--histogram",
            rich_help_panel=SHOW,
            help="Also how many contents have how many copies.",
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", rich_help_panel=COMPRESS, help="Compress a sample only; dedup stays exact."
        ),
    ] = False,
    error: Annotated[
        float | None,
        typer.Option(
            "--error",
            parser=options.share(0.0001, 0.5),
            metavar="SHARE",
            rich_help_panel=COMPRESS,
            help="With --quick: error of the pool (default: 0.5%).",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            parser=options.number(0, 2**64 - 1),
            metavar="N",
            rich_help_panel=COMPRESS,
            show_default=False,
            help="With --quick, another sample (default: 0).",
        ),
    ] = 0,
    idle: sources.Idle = None,
    tracker: sources.Tracker = TrackerName.AUTO,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            rich_help_panel=SHOW,
            help="Keep the census as Parquet; no page contents.",
        ),
    ] = None,
    salt_file: saving.SaltFile = None,
    new_salt_file: saving.NewSaltFile = None,
    host: saving.Host = None,
    taken: saving.Taken = None,
    private: saving.Private = False,
    one_in: saving.OneIn = 1,
    picture: plot.Plot = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            parser=options.number(1),
            metavar="N",
            rich_help_panel=COMPRESS,
            help="Processes that compress (default: one a CPU).",
        ),
    ] = None,
    as_json: options.Json = False,
    exact: options.Bytes = False,
    noheadings: options.NoHeadings = False,
    output: options.Columns = None,
    quiet: options.Quiet = False,
) -> int:
    """Estimate what zram, zswap, dedup and KSM would save.

    Reads raw page dumps, ELF cores and running processes, which run on meanwhile.
    """
    # Only here: --help needs no NumPy.
    from ghostswap.application.estimate import estimate
    from ghostswap.cli.estimate_view import SYSTEM_COLUMNS, show
    from ghostswap.cli.outcome import ended
    from ghostswap.report.estimate import document

    measured = sources.named(files, pid, name, user, cgroup, everyone, children, raw, max_expansion)
    if error is not None and not quick:
        raise UsageError("--error", "goes with --quick; without it, every content is compressed")
    if seed and not quick and idle is None:
        raise UsageError("--seed", "goes with --quick or --idle; else no sample is drawn")
    if idle is not None:
        for option, given in (("--quick", quick), ("--save", save), ("--plot", picture)):
            if given:
                raise UsageError("--idle", f"reads a sample of its own: goes without {option}")
    elif tracker is not TrackerName.AUTO:
        raise UsageError("--tracker", "goes with --idle")
    keeping = saving.keeping(
        save,
        salt_file,
        new_salt_file,
        host,
        taken,
        private=private,
        one_in=one_in,
        quick=quick,
        measured=measured,
    )
    if not (files or measured.live):
        raise UsageError(
            "estimate-dedup",
            "name a dump or a process (--pid N): 'ghostswap help estimate-dedup'",
        )

    choose_columns(SYSTEM_COLUMNS, output)  # a wrong one is said before the work
    plot.check(picture)
    rules = kernel_rules.rules_by_options(
        kernel,
        zpool,
        ghost=ghost,
        no_writeback=no_writeback,
        whole_huge_pages=whole_huge_pages,
        quiet=quiet,
    )
    method = Method(
        algorithm or (),
        page_size,
        engine,
        verify,
        (error or DEFAULT_ERROR) if quick else None,
        seed,
        jobs,
        None if idle is None else Idle(idle, tracker),
        None if recompress is None else _recompression(recompress),
    )
    with held():  # from here on, a signal loses nothing of what was learnt
        result = estimate(
            measured, method, rules, group_by=group_by, top=top, listener=listener(quiet)
        )
        with (
            plot.afterwards(
                (save, lambda path: keeping.write(result.census, path, live=measured.live)),
                (picture, lambda path: plot.plot_estimate(result, path)),
            ),
            held(OUTPUT_SECONDS),
        ):
            if as_json:
                print_json(document(result))
            else:
                show(
                    result,
                    View(exact=exact, headings=not noheadings, columns=output),
                    copies=histogram,
                )
            sys.stdout.flush()
            return ended(result, quiet)
