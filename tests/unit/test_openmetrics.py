"""The metrics of a host are OpenMetrics: the parser of prometheus_client takes them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ghostswap.diagnose.findings import findings
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.snapshot import Host, read_host
from ghostswap.host.swaps import Medium
from ghostswap.report.openmetrics import exposition
from tests.hosts import CAPTURES, PLAIN, area, zswap


def metrics(host: Host) -> dict[str, Metric]:
    """The families by name, as the parser has them; it refuses what is no OpenMetrics."""
    text = exposition(host, findings(host))
    assert text.endswith("\n# EOF\n")
    families: list[Metric] = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    labelled = [(each.name, str(each.labels)) for family in families for each in family.samples]
    assert len(labelled) == len(set(labelled))
    return {family.name: family for family in families}


@pytest.mark.parametrize("host", sorted(path.name for path in CAPTURES.iterdir()))
def test_captured_hosts(host: str) -> None:
    read = read_host(CAPTURES / host, cgroups=True)
    families = metrics(read)
    used = families["ghostswap_swap_used_bytes"]
    assert (used.type, used.unit) == ("gauge", "bytes")
    assert [sample.value for sample in used.samples] == [each.used for each in read.swaps]
    assert [sample.labels["name"] for sample in used.samples] == [
        each.path.decode() for each in read.swaps
    ]
    assert {family.type for family in families.values()} == {"gauge", "counter"}
    scans = families["ghostswap_ksm_full_scans"]
    assert (scans.type, scans.samples[0].name) == ("counter", "ghostswap_ksm_full_scans_total")


def test_this_host_and_one_that_tells_nothing() -> None:
    assert metrics(read_host(Path("/"), cgroups=True))
    nothing = replace(PLAIN, memory=replace(PLAIN.memory, swap_total=None, mem_total=None))
    assert {"ghostswap_findings"} >= metrics(nothing).keys() - {"ghostswap_swap_storable_bytes"}


names = st.binary(min_size=1, max_size=30) | st.sampled_from(
    [
        b'"} 1\n# EOF\nx{a="',
        b"\\",
        b'\\"',
        b"\\n",
        b"a\r\nb",
        b"# TYPE x counter",
        b"\xff\xfe",
        "\N{RIGHT-TO-LEFT OVERRIDE}ü\N{LINE SEPARATOR}".encode(),
        b" (deleted)",
    ]
)


@given(st.lists(names, min_size=1, max_size=8), st.text(min_size=1, max_size=9), names)
def test_hostile_names_stay_in_their_label(paths: list[bytes], kind: str, group: bytes) -> None:
    areas = tuple(
        replace(area(path, medium), type=kind, deleted=path.endswith(b" (deleted)"), used=number)
        for number, (path, medium) in enumerate(
            zip(paths, [Medium.DISK, Medium.GHOST] * 4, strict=False)
        )
    )
    groups = tuple(Cgroup(each, 1, None, None, None, None, None, None) for each in (group, group))
    host = replace(
        PLAIN, swaps=areas, zswap=replace(zswap(), counters={f"reject_{kind}": 7}), cgroups=groups
    )
    families = metrics(host)
    assert [sample.value for sample in families["ghostswap_swap_used_bytes"].samples] == list(
        range(len(areas))
    )
    (failure,) = families["ghostswap_zswap_failures"].samples
    assert (failure.value, set(failure.labels)) == (7, {"counter"})
    assert [each.value for each in families["ghostswap_cgroup_zswap_bytes"].samples] == [1, 1]
    assert all(name.startswith("ghostswap_") for name in families)


def test_two_areas_of_one_name_stay_apart() -> None:
    """As where a swap file was removed while on, and made anew."""
    old = replace(area(b"/swapfile (deleted)"), deleted=True, used=1)
    again = [replace(area(b"/swapfile"), used=used) for used in (2, 3)]
    families = metrics(replace(PLAIN, swaps=(old, *again)))
    samples = families["ghostswap_swap_used_bytes"].samples
    extra = [sample.labels.keys() - {"name", "type", "medium"} for sample in samples]
    assert [sample.value for sample in samples] == [1, 2, 3]
    assert extra == [{"deleted"}, set(), {"again"}]
