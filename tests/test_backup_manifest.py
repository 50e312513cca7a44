"""What a backup says of itself: read back as it was written, and refused when it is anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from drbackup.manifest import FORMAT, File, Manifest, ManifestError, NextValue, Table, read
from hypothesis import given
from hypothesis import strategies as st

SHA = "ab" * 32
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
MANIFESTS = st.builds(
    lambda times, **values: Manifest(**values, started_utc=min(times), finished_utc=max(times)),
    st.tuples(TIMES, TIMES),
    kind=st.sampled_from(("dump", "base", "redis", "config")),
    file=st.from_regex(r"[a-z_0-9.]*[a-z]", fullmatch=True).filter(lambda name: not name.startswith(".")),
    bytes=st.integers(0),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    database=st.none() | st.text(),
    timeline=st.none() | st.integers(1),
    tables=st.none() | st.dictionaries(st.text(), st.builds(Table, st.integers(0), st.text())),
    definitions=st.none() | st.dictionaries(st.text(), st.just(SHA)),
    sequences=st.none() | st.dictionaries(st.text(), st.builds(NextValue, st.integers(), st.integers())),
    files=st.none() | st.dictionaries(st.text(), st.builds(File, st.integers(0), st.just(SHA))),
    encrypted=st.booleans(),
)


def whole() -> dict[str, Any]:
    made = datetime(2026, 11, 24, 2, tzinfo=UTC)
    manifest = Manifest("dump", "minimarket_20261124_020000.sql.gz", 3, SHA, made, made)
    values: dict[str, Any] = json.loads(manifest.to_json())
    return values


@given(MANIFESTS)
def test_it_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json(), "it") == manifest


def test_times_are_utc_and_the_format_is_named() -> None:
    values = whole()
    assert values["format"] == FORMAT
    assert values["started_utc"] == "2026-11-24T02:00:00.000000Z"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "dr-backup/2"},
        {"kind": "tape"},
        {"file": "../etc/passwd"},
        {"file": ".partial.7"},
        {"file": ""},
        {"bytes": -1},
        {"bytes": "3"},
        {"bytes": True},
        {"sha256": "AB" * 32},
        {"sha256": "ab"},
        {"started_utc": "2026-11-24T02:00:00"},
        {"finished_utc": "2026-11-24T01:59:59Z"},
        {"tables": {"public.products": {"rows": "5000", "hash": "1"}}},
        {"definitions": {"index public.sales_pkey": "CREATE INDEX"}},
        {"definitions": ["index public.sales_pkey"]},
        {"sequences": {"public.sales_id_seq": {"value": 1}}},
        {"sequences": {"public.sales_id_seq": {"value": "1", "step": 1}}},
        {"files": {"base.tar": {"bytes": 1}}},
        {"files": ["base.tar"]},
        {"encrypted": 0},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_what_is_not_right_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="it is no manifest"):
        Manifest.from_json(json.dumps(whole() | change), "it")


@pytest.mark.parametrize(
    "name", ["kind", "file", "bytes", "sha256", "started_utc", "finished_utc", "encrypted"]
)
def test_what_is_missing_is_refused(name: str) -> None:
    values = whole()
    del values[name]
    with pytest.raises(ManifestError):
        Manifest.from_json(json.dumps(values), "it")


def test_one_from_before_definitions_were_kept_is_read() -> None:
    values = whole()
    del values["definitions"], values["sequences"]
    manifest = Manifest.from_json(json.dumps(values), "it")
    assert (manifest.definitions, manifest.sequences) == (None, None)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": "dr-backup/1"', "\0"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(text, "it")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        read(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError):
        read(tmp_path / "bytes.json")
