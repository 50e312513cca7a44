"""The fast reading of many lines at once, against the strict reading of one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from measure.ledger_lines import Kind, Line, Malformed, history_line, survivors_line
from measure.ledger_scan import (
    CHUNK_SIZE,
    KIND_BITS,
    MalformedAt,
    Records,
    chunks,
    scan_history,
    scan_survivors,
)

SEED = 0x0123_4567_89AB_CDEF
INVOKE = {"n": 17, "id": "api-01J8ZQ3V5T7M9K2P4R6S8W0X1Y", "kind": "invoke", "t": 12.345678, "value": "12x3"}
OK = {"n": 17, "id": INVOKE["id"], "kind": "ok", "t": 12.349101}
ROW = {"id": INVOKE["id"], "value": "12x3"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scan") / "lines.jsonl"


def scan(file: Path, content: bytes, rows: bool = False, size: int = CHUNK_SIZE) -> Records:
    """The records of all chunks as one, in the order of the file."""
    file.write_bytes(content)
    found: list[Records] = []
    base = 0
    for chunk in chunks(file, size):
        try:
            records = (scan_survivors if rows else scan_history)(chunk, SEED)
        except MalformedAt as error:
            raise MalformedAt(base + error.line, error.why) from error
        found.append(records._replace(lines=records.lines + base))
        base += records.line_count
    lines = np.concatenate([each.lines for each in found])
    order = np.argsort(lines)
    return Records(
        np.concatenate([each.keys for each in found])[order],
        np.concatenate([each.payloads for each in found])[order],
        lines[order],
        base,
        min(each.first_invoke for each in found),
    )


def scan_line(file: Path, text: str, rows: bool = False) -> tuple[int, int]:
    """Key and payload of a single line."""
    records = scan(file, text.encode(), rows)
    return int(records.keys[0]), int(records.payloads[0])


@contextmanager
def usual_lines_only() -> Iterator[None]:
    """A line that is not read by the fast reading is malformed."""

    def refuse(text: bytes) -> Line | None:
        raise Malformed("not usual")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("measure.ledger_scan.history_line", refuse)
        patch.setattr("measure.ledger_scan.survivors_line", refuse)
        yield


TEXTS = st.text("abcXYZ019-_ ./:{},\x7f", max_size=50)
NUMBERS = st.one_of(
    st.decimals(0, 10**6, places=6, allow_nan=False).map(str),
    st.floats(0, 10**9, allow_subnormal=False).map(repr),
    st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,22})?", fullmatch=True),
    st.integers(0, 10**20).map(str),
)
HISTORY_TEXTS = st.one_of(
    st.builds(
        '{{"n": {}, "id": "{}", "kind": "invoke", "t": {}, "value": "{}"}}'.format,
        NUMBERS,
        TEXTS,
        NUMBERS,
        TEXTS,
    ),
    st.builds(
        '{{"n": {}, "id": "{}", "kind": "{}", "t": {}}}'.format,
        NUMBERS,
        TEXTS,
        st.sampled_from(["ok", "fail", "info"]),
        NUMBERS,
    ),
)
ROW_TEXTS = st.builds('{{"id": "{}", "value": "{}"}}'.format, TEXTS, TEXTS)
FRAGMENTS = st.one_of(
    st.sampled_from(b'"\\{}:,.-e019 \r\t\x00\x1f\x7f\xff').map(lambda byte: bytes([byte])),
    st.sampled_from(
        [b"", b"\\u00e9", b"\\n", b'\\"', "é".encode(), b'"n": 1, ', b'"x": [1], ', b"NaN", b"1e400", b'"ok"']
    ),
)


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """A line with up to three edits."""
    text = draw(texts).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 3)))
        text = text[:start] + draw(FRAGMENTS) + text[end:]
    return text


def compare(
    file: Path, text: bytes, rows: bool, strict: Callable[[bytes], Line | None], beside: dict[str, Any]
) -> None:
    around = json.dumps(beside).encode()
    content = around + b"\n" + text + b"\n" + around
    problem, line = None, None
    try:
        line = strict(text)
    except Malformed as error:
        problem = str(error)
    if problem is not None:
        with pytest.raises(MalformedAt) as caught:
            scan(file, content, rows)
        assert (caught.value.line, caught.value.why) == (1, problem)
        return
    records = scan(file, content, rows)
    assert records.line_count == 3
    if line is None:
        assert records.lines.tolist() == [0, 2]
        return
    assert records.lines.tolist() == [0, 1, 2]
    key, payload = int(records.keys[1]), records.payloads[1]
    assert key & ((1 << KIND_BITS) - 1) == line.kind
    if line.kind == Kind.OK:
        assert payload.view(np.float64) == line.t
    if line.kind == Kind.INVOKE:
        assert records.first_invoke == min(line.t, beside["t"])
    # Written with its keys the other way round it is never usual.
    fields = {name: field for name, field in reversed(json.loads(text).items()) if name != "n"}
    other_key, other_payload = scan_line(file, json.dumps(fields), rows)
    assert key == other_key
    if line.value is not None:
        assert payload == other_payload


@given(damaged(HISTORY_TEXTS))
def test_history_lines_are_read_as_by_the_strict_reader(file: Path, text: bytes) -> None:
    compare(file, text, False, history_line, INVOKE)


@given(damaged(ROW_TEXTS))
def test_survivors_lines_are_read_as_by_the_strict_reader(file: Path, text: bytes) -> None:
    compare(file, text, True, survivors_line, ROW)


@given(NUMBERS)
@example("9007199254740993")  # 2**53 + 1, a tie
@example("9007199254740993.0")
@example("1732440000.1234567")
@example("0.30000000000000004")
@example("179.99999999999999999")
@example("9999999999999999999")
def test_times_are_the_nearest_doubles(file: Path, number: str) -> None:
    number = number.lstrip("0")
    if not number[:1].isdigit():
        number = f"0{number}"
    records = scan(file, f'{{"n": 1, "id": "a", "kind": "ok", "t": {number}}}'.encode())
    assert records.payloads.view(np.float64)[0] == float(number)


@pytest.mark.parametrize("separators", [None, (",", ":")])
@pytest.mark.parametrize(
    "fields",
    [
        INVOKE,
        OK,
        {**OK, "kind": "fail"},
        {**OK, "kind": "info"},
        {**OK, "n": 0, "t": 0.0},
        {**OK, "n": 10**18, "t": 1732440000.1234567},
        {**OK, "t": 5},
        {**INVOKE, "id": "", "value": ""},
        {**INVOKE, "id": "x" * 40, "value": "y" * 4999},
        {**INVOKE, "id": "{}, :", "value": '", "value'.replace('"', "'")},
    ],
)
def test_lines_as_json_dumps_prints_them_are_usual(
    file: Path, fields: dict[str, Any], separators: tuple[str, str] | None
) -> None:
    with usual_lines_only():
        scan(file, json.dumps(fields, separators=separators).encode() + b"\n")


def test_rows_as_json_dumps_prints_them_are_usual(file: Path) -> None:
    with usual_lines_only():
        scan(file, json.dumps(ROW).encode(), rows=True)


def test_a_line_more_makes_no_other_line_unusual(file: Path) -> None:
    """One odd line in a chunk must not slow down the rest of it."""
    content = b"".join(json.dumps(each).encode() + b"\n" for each in (INVOKE, {**OK, "id": "é"}, OK))
    with usual_lines_only(), pytest.raises(MalformedAt) as caught:
        scan(file, content)
    assert caught.value.line == 1


@pytest.mark.parametrize("size", [1, 7, 90, 200, 1000])
def test_the_size_of_chunks_does_not_matter(file: Path, size: int) -> None:
    lines = [{**INVOKE, "n": n, "id": "i" * n, "t": n / 7} for n in range(60)]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    whole = scan(file, content)
    parts = scan(file, content, size=size)
    assert np.array_equal(parts.keys, whole.keys)
    assert np.array_equal(parts.payloads, whole.payloads)
    assert parts.line_count == whole.line_count == 60


def test_no_hash_is_met_twice_in_ids_that_are_much_alike(file: Path) -> None:
    ids = [f"{a:09d}-{b:09d}-{c:09d}" for a in range(60) for b in range(60) for c in range(60)]
    content = "\n".join(f'{{"id": "{each}", "value": "{each[::-1]}"}}' for each in ids)
    records = scan(file, content.encode(), rows=True)
    assert len(np.unique(records.keys)) == len(np.unique(records.payloads)) == len(ids)


def test_seeds_give_other_hashes(file: Path) -> None:
    file.write_text(json.dumps(ROW))
    (one,) = (scan_survivors(chunk, 1) for chunk in chunks(file))
    (two,) = (scan_survivors(chunk, 2) for chunk in chunks(file))
    assert one.keys[0] != two.keys[0]
    assert one.payloads[0] != two.payloads[0]


def test_a_line_longer_than_16_mib_is_malformed(file: Path) -> None:
    content = json.dumps(INVOKE).encode() + b"\n" + b"x" * (40 << 20) + b"\n"
    with pytest.raises(MalformedAt, match="longer than 16 MiB"):
        scan(file, content)


def test_an_empty_file_has_no_chunks(file: Path) -> None:
    file.write_bytes(b"")
    assert list(chunks(file)) == []


def test_blank_lines_are_lines_and_no_records(file: Path) -> None:
    records = scan(file, b"\n \r\n\t\n\n")
    assert (len(records.keys), records.line_count, records.first_invoke) == (0, 4, math.inf)
