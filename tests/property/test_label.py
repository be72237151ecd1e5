"""Relabelling changes 32 bytes of an area and no other, as swaplabel does."""

import subprocess
from pathlib import Path
from random import Random
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.swapfile.header import encode_label, find_header, format_uuid
from ghostswap.swapfile.layout import UUID_AT, VOLUME_AT, Endianness
from ghostswap.swapfile.relabel import relabel

labels = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=15
).filter(lambda text: len(text.encode()) <= 15)
uuids = st.binary(min_size=16, max_size=16)


def swaplabels_own(path: Path, label: str, uuid: bytes) -> bytes:
    command = ["swaplabel", "-L", label, "-U", format_uuid(uuid), str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path.read_bytes()


@pytest.mark.skipif(which("mkswap") is None or which("swaplabel") is None, reason="util-linux")
@settings(max_examples=25, deadline=None)
@given(label=labels, uuid=uuids, page_size=st.sampled_from(PAGE_SIZES))
def test_it_is_what_swaplabel_writes(
    tmp_path_factory: pytest.TempPathFactory, label: str, uuid: bytes, page_size: int
) -> None:
    folder = tmp_path_factory.mktemp("label")
    ours, theirs = folder / "ours", folder / "theirs"
    ours.write_bytes(bytes(1 << 20))
    ours.chmod(0o600)
    subprocess.run(["mkswap", "-q", "-p", str(page_size), "-L", "before", str(ours)], check=True)
    theirs.write_bytes(ours.read_bytes())
    relabel(ours, encode_label(label), uuid)
    assert ours.read_bytes() == swaplabels_own(theirs, label, uuid)


@given(
    seed=st.integers(0, 2**32),
    volume=st.none() | labels.map(encode_label),
    uuid=st.none() | uuids,
    endianness=st.sampled_from(Endianness),
)
def test_every_other_byte_stays(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    volume: bytes | None,
    uuid: bytes | None,
    endianness: Endianness,
) -> None:
    version = (1).to_bytes(4, endianness.value)
    page = Random(seed).randbytes(4096)
    before = page[:1024] + version + page[1028:-10] + b"SWAPSPACE2"
    path = tmp_path_factory.getbasetemp() / "relabelled"
    path.write_bytes(before)
    header = relabel(path, volume, uuid)
    after = path.read_bytes()
    assert after[:UUID_AT] == before[:UUID_AT]
    assert after[VOLUME_AT + 16 :] == before[VOLUME_AT + 16 :]
    assert header == find_header(after)
    assert header.uuid == (before[UUID_AT:VOLUME_AT] if uuid is None else uuid)
    assert header.volume == (before[VOLUME_AT : VOLUME_AT + 16] if volume is None else volume)
    assert header.endianness is endianness
