"""A comparison that was written as JSON is read back as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ghostswap.census.coverage import Coverage
from ghostswap.kernel.recompression import Pages
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import Allocator
from ghostswap.report.comparison import document, parse_estimate, read
from ghostswap.systems.comparison import Comparison
from ghostswap.systems.footprint import Footprint, Recompressed, Sharing, System
from ghostswap.systems.table import SYSTEMS

counts = st.integers(0, 1 << 40)
rules = st.builds(
    Rules,
    st.builds(KernelVersion, st.integers(5, 9), st.integers(0, 30)),
    st.sampled_from(Allocator),
    chain_size=st.integers(4, 16),
    zram_entry_bytes=st.sampled_from([16, 24]),
    writeback=st.booleans(),
    ghost=st.booleans(),
    whole_huge_pages=st.booleans(),
)


recompressed = st.builds(
    Recompressed,
    st.sampled_from(["zstd", "zstd:9", "842"]),
    st.sampled_from(Pages),
    threshold=st.integers(0, 4096),
    recompressed_pages=counts,
)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    whose, page_size = draw(rules), draw(st.sampled_from([4096, 16384, 65536]))
    total = draw(counts)

    def footprint(system: System, algorithm: str | None) -> Footprint:
        refused = draw(st.integers(0, total))
        return Footprint(
            system,
            algorithm,
            page_size,
            total_pages=total,
            refused_pages=refused,
            pages_stored=draw(counts),
            same_pages=draw(counts),
            huge_pages=draw(counts),
            compressed_bytes=draw(counts),
            pool_bytes=draw(counts),
            slack_bytes=draw(counts),
            entry_bytes=draw(counts),
            lookup_bytes=draw(counts),
            zeromap_pages=draw(counts),
            refused_thp_pages=draw(counts),
            kept_bytes=whose.kept_bytes(refused, page_size),
            relative_error=draw(st.floats(0, 1)),
            sharing=None
            if algorithm is not None
            else Sharing(draw(counts), draw(counts), draw(st.integers(-(1 << 40), 1 << 40))),
            recompression=draw(recompressed) if SYSTEMS[system].recompresses else None,
        )

    footprints = [
        footprint(system, algorithm if SYSTEMS[system].compresses else None)
        for algorithm in draw(st.lists(st.sampled_from(["lz4", "zstd:9", "lzo"]), unique=True))
        for system in draw(st.lists(st.sampled_from(System), unique=True))
    ]
    return Comparison(
        whose,
        page_size,
        total,
        draw(st.booleans()),
        tuple(footprints),
        zero_pages=draw(counts),
        coverage=draw(st.builds(Coverage, counts, counts, counts)),
    )


@given(comparisons())
def test_what_was_written_is_read_back(comparison: Comparison) -> None:
    text = json.dumps(document(comparison))
    assert read(parse_estimate(text, "x"), "x") == comparison


@given(comparisons())
def test_an_estimate_of_an_older_version_is_read_too(comparison: Comparison) -> None:
    written = document(comparison)
    for row in written["systems"]:
        del row["slack_bytes"], row["lookup_bytes"]
    older = read(written, "x")
    for read_back, footprint in zip(older.footprints, comparison.footprints, strict=True):
        assert read_back.pool_bytes == footprint.pool_bytes
        assert 0 <= read_back.slack_bytes <= max(footprint.pool_bytes, 0)
        assert read_back.metadata_bytes >= footprint.metadata_bytes
