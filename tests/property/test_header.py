"""The header codec against a transcription of the layout, for any values of its fields."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.swapfile.header import (
    Header,
    Signature,
    build,
    encode_label,
    find_header,
    find_signature,
    format_uuid,
    parse_uuid,
)
from ghostswap.swapfile.layout import Endianness, max_badpages

U32 = st.integers(0, 2**32 - 1)


@st.composite
def headers(draw: st.DrawFn, signature: Signature = Signature.SWAP) -> Header:
    page_size = draw(st.sampled_from(PAGE_SIZES))
    bad_pages = draw(st.lists(U32, max_size=40))
    return Header(
        version=1,
        last_page=draw(U32),
        nr_badpages=len(bad_pages),
        bad_pages=tuple(bad_pages),
        uuid=draw(st.binary(min_size=16, max_size=16)),
        volume=draw(st.binary(min_size=16, max_size=16)),
        page_size=page_size,
        endianness=draw(st.sampled_from(Endianness)),
        signature=signature,
    )


@given(headers())
def test_every_field_survives_building_and_parsing(header: Header) -> None:
    assert find_header(build(header)) == header


@given(headers())
def test_the_fields_stand_where_the_kernel_header_says(header: Header) -> None:
    order = "<" if header.endianness is Endianness.LITTLE else ">"
    page = bytearray(header.page_size)
    struct.pack_into(f"{order}3I", page, 1024, 1, header.last_page, header.nr_badpages)
    page[1036:1052] = header.uuid
    page[1052:1068] = header.volume
    struct.pack_into(f"{order}{header.nr_badpages}I", page, 1536, *header.bad_pages)
    page[-10:] = b"SWAPSPACE2"
    assert build(header) == bytes(page)


@given(st.sampled_from(PAGE_SIZES), st.binary(max_size=70000))
def test_any_bytes_with_a_signature_can_be_parsed(page_size: int, noise: bytes) -> None:
    page = noise[:page_size].ljust(page_size, b"\0")[:-10] + b"SWAPSPACE2"
    header = find_header(page)
    assert header is not None
    assert len(header.bad_pages) == min(header.nr_badpages, max_badpages(header.page_size))


@pytest.mark.parametrize("signature", Signature)
@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_signatures_of_other_owners_are_told_apart(signature: Signature, page_size: int) -> None:
    area = bytearray(2 * page_size)
    area[page_size - 10 : page_size - 10 + len(signature.value)] = signature.value
    assert find_signature(bytes(area)) == (signature, page_size)
    assert signature.hibernation == (signature.value[:4] != b"SWAP")


def test_bytes_without_a_signature_have_no_header() -> None:
    assert find_header(b"") is None
    assert find_header(bytes(65536)) is None
    assert find_header(bytes(4086) + b"SWAPSPACE") is None


def test_a_version_that_is_none_is_read_in_this_machines_order() -> None:
    page = bytearray(4096)
    page[1024:1028] = b"\2\0\0\0"
    page[-10:] = b"SWAPSPACE2"
    header = find_header(bytes(page))
    assert header is not None
    assert header.version == struct.unpack("=I", b"\2\0\0\0")[0]


@given(st.binary(min_size=16, max_size=16))
def test_a_printed_uuid_can_be_given_back(uuid: bytes) -> None:
    assert parse_uuid(format_uuid(uuid)) == uuid
    assert parse_uuid(format_uuid(uuid).upper()) == uuid


@pytest.mark.parametrize("text", ["", "random ", "12345678-1234", "g" * 36, "0" * 32])
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a UUID"):
        parse_uuid(text)


def test_a_label_is_refused_rather_than_cut() -> None:
    assert encode_label("é" * 7 + "x") == ("é" * 7 + "x").encode() + b"\0"
    with pytest.raises(ValueError, match="16 bytes"):
        encode_label("é" * 8)
    with pytest.raises(ValueError, match="not UTF-8"):
        encode_label("\udcff")
