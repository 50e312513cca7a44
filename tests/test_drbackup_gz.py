"""One pass over a dump: what is damaged is noticed, what is in it is counted, whatever the size of the pieces."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
from drbackup import gz
from drbackup.gz import ContentsReader, scan_stream
from hypothesis import given
from hypothesis import strategies as st

from tests.backup_samples import END, compressed, dump_text

COUNTED = {"public.products": 3, "public.sales": 2, "public.empty": 0}


def scan(data: bytes, contents: bool = True) -> gz.DumpScan:
    return scan_stream(io.BytesIO(data), contents=contents)


def test_a_good_dump() -> None:
    found = scan(compressed(dump_text()))
    assert (found.gzip_fault, found.complete, found.members) == (None, True, 1)
    assert found.contents is not None
    assert found.contents.tables == COUNTED
    assert found.contents.server_version == "17.6"
    assert found.raw_size == len(dump_text())


@pytest.mark.parametrize(
    "end",
    [END, END.removesuffix("\n") + "\n\\unrestrict abcDEF123\n\n"],
    ids=["before 17.6", "since 17.6"],
)
def test_it_is_complete_when_it_ends_as_pg_dump_ends(end: str) -> None:
    assert scan(compressed(dump_text(end=end))).complete


@pytest.mark.parametrize(
    "end", ["", "--\n-- PostgreSQL database dump comp", END + "SELECT 1;\n"], ids=["none", "half", "more"]
)
def test_a_dump_that_ends_otherwise_is_whole_gzip_and_incomplete(end: str) -> None:
    found = scan(compressed(dump_text(end=end)))
    assert (found.gzip_fault, found.complete) == (None, False)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is empty"),
        (b"\x1f", "no gzip file"),
        (b"SELECT 1;\n", "no gzip file"),
        (compressed(dump_text())[:-9], "ends in the middle"),
        (compressed(dump_text())[:-3], "ends in the middle"),
        (compressed(dump_text()) + b"more", "followed by something else"),
        (compressed(dump_text()) + b"\0", "followed by something else"),
        (compressed(dump_text()) + compressed("x")[:-1], "ends in the middle"),
    ],
    ids=["empty", "a byte", "plain", "cut by 9", "cut by 3", "text after", "zero after", "second cut"],
)
def test_what_is_no_whole_gzip_stream(data: bytes, fault: str) -> None:
    found = scan(data)
    assert found.gzip_fault is not None
    assert fault in found.gzip_fault
    assert not found.complete
    assert found.size == len(data), "the hash is of all of it nevertheless"


def test_a_file_of_several_members_is_one_dump() -> None:
    text = dump_text()
    found = scan(compressed(text[:100]) + compressed(text[100:300]) + compressed("") + compressed(text[300:]))
    assert (found.gzip_fault, found.complete, found.members) == (None, True, 4)
    assert found.contents is not None
    assert found.contents.tables == COUNTED


@given(at=st.integers(0, len(compressed(dump_text())) - 1), mask=st.integers(1, 255))
def test_any_changed_byte_is_noticed(at: int, mask: int) -> None:
    data = bytearray(compressed(dump_text()))
    good = scan(bytes(data))
    data[at] ^= mask
    assert scan(bytes(data)).sha256 != good.sha256
    if at >= 10:  # the header's time and flags have no checksum of their own
        # The bits that fill up the last byte before the trailer mean nothing.
        found = scan(bytes(data))
        assert found.gzip_fault is not None or gzip.decompress(bytes(data)) == dump_text().encode()


@given(sizes=st.lists(st.integers(1, 200), min_size=1))
def test_the_count_does_not_hang_on_how_the_dump_is_cut_into_pieces(sizes: list[int]) -> None:
    data = dump_text().encode()
    reader, at, n = ContentsReader(), 0, 0
    while at < len(data):
        size = sizes[n % len(sizes)]
        reader.feed(data[at : at + size])
        at, n = at + size, n + 1
    assert reader.finish().tables == COUNTED


@given(
    rows=st.lists(
        st.sampled_from(["a", "\\\\.", "COPY public.other (a) FROM stdin;", "-- Name: x", "\\N", ""])
    )
)
def test_no_row_is_taken_for_anything_else(rows: list[str]) -> None:
    reader = ContentsReader()
    reader.feed(dump_text({"public.t": rows}).encode())
    assert reader.finish().tables == {"public.t": len(rows)}


def test_quoted_names_and_a_function_that_speaks_of_copy() -> None:
    reader = ContentsReader()
    reader.feed(
        b'-- Name: odd "one"; Type: TABLE; Schema: My Shop; Owner: postgres\n'
        b"-- Name: f(); Type: FUNCTION; Schema: public; Owner: postgres\n"
        b"CREATE FUNCTION public.f() ... AS $$\nCOPY public.no (a) FROM stdin;\n$$;\n"
        b'-- Data for Name: odd "one"; Type: TABLE DATA; Schema: My Shop; Owner: postgres\n'
        b'COPY "My Shop"."odd ""one""" (id) FROM stdin;\n1\n2\n\\.\n'
    )
    assert reader.finish().tables == {'My Shop.odd "one"': 2}


def test_a_table_whose_rows_never_end_is_not_counted() -> None:
    reader = ContentsReader()
    reader.feed(dump_text().encode().partition(b"seed-2")[0])
    assert reader.finish().tables == {"public.products": 3, "public.sales": None, "public.empty": None}


def test_memory_is_bounded_whatever_the_dump_inflates_to() -> None:
    rows = 64 << 20
    line = dump_text({"public.t": []}).encode()
    head, tail = line.split(b"\\.\n", 1)
    data = gzip.compress(head + b"x" * rows + b"\n\\.\n" + tail + b"SELECT " + b"y" * rows, 1)
    tracemalloc.start()
    try:
        found = scan(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.contents is not None
    assert found.contents.tables == {"public.t": 1}
    assert peak < 8 << 20
