"""What is defined beside the rows, and the sequences: kept with a dump, and compared once it is restored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from drbackup import contents, dump, layout, restored
from drbackup.findings import Fault
from drbackup.manifest import Manifest, NextValue, Table, read
from drbackup.scratch import Server as Scratch
from drbackup.server import Server
from drbackup.settings import Settings

from tests.backup_samples import LAST_NIGHT, dump_text
from tests.stand_in import stand_in

KEY = "index public.sales_pkey"
CHECK = "constraint public.sales.sales_quantity_check"
DEFINITIONS = {KEY: "aa" * 32, CHECK: "bb" * 32}
SEQUENCES = {"public.sales_id_seq": NextValue(100, 1), "public.down": NextValue(-7, -3)}
TABLES = {"public.sales": Table(2, "5")}
MANIFEST = Manifest(
    "dump",
    "minimarket_20261124_020000.sql.gz",
    3,
    "ab" * 32,
    LAST_NIGHT,
    LAST_NIGHT,
    server_version="17.6 (Debian 17.6-1)",
    tables=TABLES,
    definitions=DEFINITIONS,
    sequences=SEQUENCES,
)


class Connection:
    """In the place of a session: answers with ``rows`` whatever has ``key`` in it, and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, list[tuple[Any, ...]]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.info = SimpleNamespace(server_version=170006)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def commit(self) -> None:
        self.asked.append("COMMIT")

    def execute(self, query: Any) -> Any:
        text = query if isinstance(query, str) else query.as_string(None)
        self.asked.append(text)
        rows = next((rows for key, rows in self.answers.items() if key in text), [])
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0] if rows else None)


# What is kept ------------------------------------------------------------------------------------------------------


def defined(*rows: tuple[str, str, str | None]) -> dict[str, str]:
    return contents.definitions(Connection({"pg_get_indexdef": list(rows)}))  # type: ignore[arg-type]


def test_a_definition_has_a_name_and_a_hash() -> None:
    found = defined(("index", "public.i", "CREATE INDEX i ON public.t USING btree (a)"), ("view", "v", None))
    assert list(found) == ["index public.i", "view v"]
    assert found["index public.i"] != found["view v"]
    assert replace(MANIFEST, definitions=found) == Manifest.from_json(
        replace(MANIFEST, definitions=found).to_json(), "it"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "(((state)::text = ANY ((ARRAY['new'::character varying, 'paid'::character varying])::text[])))",
            "(((state)::text = ANY (ARRAY[('new'::character varying)::text, ('paid'::character varying)::text])))",
        ),
        ("(a = 'x'::character varying(10))", "a = 'x'"),
        ("(a > '2020-01-01 00:00:00+00'::timestamp(3) without time zone)", "a > '2020-01-01 00:00:00+00'"),
        ("(m = 'good'::public.mood)", "m = 'good'"),
        ('(m = \'good\'::"Odd Name"."a mood"[])', "m = 'good'"),
        ("(n > (0.5)::double precision)", "n > 0.5"),
        ("((1)::numeric(10,2) + b)", "1 + b"),
    ],
)
def test_the_same_in_other_words_has_the_same_hash(before: str, after: str) -> None:
    assert defined(("constraint", "c", before)) == defined(("constraint", "c", after))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK ((quantity > 0))", "CHECK ((quantity > 1))"),
        ("CREATE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON t (a)"),
        ("numeric(10,2)", "numeric(12,2)"),
        ("FOREIGN KEY (a) REFERENCES t(id)", "FOREIGN KEY (a) REFERENCES t(id) NOT VALID"),
        ("character varying(9) 'new'::character varying", "character varying(9) 'old'::character varying"),
    ],
)
def test_another_definition_has_another_hash(one: str, other: str) -> None:
    assert defined(("constraint", "c", one)) != defined(("constraint", "c", other))


@pytest.mark.parametrize(
    ("last", "step", "following"),
    [((40, False), 1, 40), ((40, True), 1, 41), ((-4, True), -3, -7), ((2**63 - 1, True), 1, 2**63)],
    ids=["not called", "called", "down", "spent"],
)
def test_of_a_sequence_is_kept_what_it_gives_next(last: tuple[int, bool], step: int, following: int) -> None:
    connection = Connection({"pg_sequence": [("Odd", "s", step)], '"Odd"."s"': [last]})
    assert contents.sequences(connection) == {"Odd.s": NextValue(following, step)}  # type: ignore[arg-type]


@pytest.fixture
def pg_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of pg_dump: writes a dump, and its arguments to the file that is returned."""
    (tmp_path / "dump.sql").write_text(dump_text())
    script = f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec cat {tmp_path}/dump.sql\n'
    stand_in(tmp_path, monkeypatch, "pg_dump", script)
    return tmp_path / "arguments"


def test_a_dump_keeps_what_its_snapshot_has_and_sequences_before_pg_dump_reads_them(
    tmp_path: Path, pg_dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection({"pg_export_snapshot": [("0001-1",)]})
    did: list[str] = []

    def read_as(name: str, found: object) -> Callable[[object], object]:
        def reads(asked: object) -> object:
            assert asked is connection
            assert "pg_export_snapshot" in connection.asked[-1], "in the snapshot's transaction, and after it"
            if name == "sequences":
                time.sleep(0.1)  # for pg_dump to begin, if it was started already
                assert not pg_dump.exists(), "pg_dump must read them later"
            did.append(name)
            return found

        return reads

    monkeypatch.setattr(contents, "connect", lambda _: connection)
    monkeypatch.setattr(dump, "ask", lambda _: Server("17.6", "7", "0/1", 1, ("postgres",)))
    for name, found in (("sequences", SEQUENCES), ("tables", TABLES), ("definitions", DEFINITIONS)):
        monkeypatch.setattr(contents, name, read_as(name, found))
    made = dump.make(Settings(root=tmp_path / "backups"))
    assert did == ["sequences", "tables", "definitions"], "what is read is locked before definitions are"
    (backup,) = layout.listing(tmp_path / "backups", "dump")
    assert read(layout.manifest_path(backup.path)) == made
    assert (made.definitions, made.sequences) == (DEFINITIONS, SEQUENCES)
    assert pg_dump.read_text() == "--no-password --snapshot=0001-1 --lock-wait-timeout=60s\n", (
        "all of it is dumped: no section, no table is left out"
    )


# What is compared --------------------------------------------------------------------------------------------------


def fault_of(compare: Callable[[], object]) -> tuple[str, str] | None:
    try:
        compare()
    except Fault as fault:
        return fault.name, fault.sentence
    return None


def definition_fault(found: Mapping[str, str], manifest: Manifest = MANIFEST, major: str = "17") -> str:
    told = fault_of(lambda: restored.compare_definitions(manifest, found, major))
    assert told is None or told[0] == "definition"
    return told[1] if told else ""


def test_the_same_definitions_are_no_fault() -> None:
    assert not definition_fault(DEFINITIONS)


def test_what_is_missing_differs_or_is_more_is_named() -> None:
    assert definition_fault({CHECK: DEFINITIONS[CHECK]}) == "the index public.sales_pkey is missing"
    assert definition_fault({**DEFINITIONS, CHECK: "cc" * 32}) == f"the {CHECK} differs"
    assert definition_fault({**DEFINITIONS, "view v": "cc" * 32}) == "the view v is not in the manifest"
    assert definition_fault({CHECK: "cc" * 32}) == f"the {KEY} is missing, the {CHECK} differs"


def test_of_many_a_few_are_named() -> None:
    many = replace(MANIFEST, definitions={f"index i{n}": "aa" * 32 for n in range(5)})
    expected = "the index i0 is missing, the index i1 is missing, the index i2 is missing, and 2 more"
    assert definition_fault({}, many) == expected


def test_another_major_version_may_define_the_same_in_other_words_but_not_lack_it() -> None:
    assert not definition_fault({**DEFINITIONS, CHECK: "cc" * 32, "constraint more": "dd" * 32}, major="18")
    assert definition_fault({CHECK: "cc" * 32}, major="18") == f"the {KEY} is missing"


def sequence_fault(manifest: Manifest = MANIFEST, **values: int) -> str:
    found = {name: replace(at, value=values.get(name[7:], at.value)) for name, at in SEQUENCES.items()}
    told = fault_of(lambda: restored.compare_sequences(manifest, found))
    assert told is None or told[0] == "sequence"
    return told[1] if told else ""


def test_a_sequence_may_be_ahead_and_not_behind() -> None:
    assert not sequence_fault()
    assert not sequence_fault(sales_id_seq=101, down=-10)
    expected = "the sequence public.sales_id_seq would give 99 next, and 100 when it was dumped"
    assert sequence_fault(sales_id_seq=99) == expected
    assert "public.down would give -4 next, and -7" in sequence_fault(down=-4), "it counts down"


def test_of_a_manifest_from_before_only_the_rows_are_compared() -> None:
    old = replace(MANIFEST, definitions=None, sequences=None)
    assert not definition_fault({}, old)
    assert not sequence_fault(old, sales_id_seq=1)


@pytest.mark.parametrize(
    ("lacks", "fault"),
    [
        ({}, None),
        ({"tables": {"public.sales": Table(1, "5")}}, "rows"),
        ({"tables": {"public.sales": Table(2, "6")}}, "content"),
        ({"definitions": {}}, "definition"),
        ({"sequences": {"public.sales_id_seq": NextValue(1, 1)}}, "sequence"),
    ],
    ids=["nothing", "row", "value", "key", "setval"],
)
def test_all_of_it_is_compared_when_a_dump_was_restored(
    monkeypatch: pytest.MonkeyPatch, lacks: dict[str, object], fault: str | None
) -> None:
    @contextmanager
    def new_database(*_: object) -> Iterator[str]:
        yield "dbname=restored"

    monkeypatch.setattr(restored, "new_database", new_database)
    for name in ("_make_roles", "restore_dump", "check_structure"):
        monkeypatch.setattr(restored, name, lambda *_: None)
    monkeypatch.setattr(contents, "connect", lambda _: Connection())
    there = {"tables": TABLES, "definitions": DEFINITIONS, "sequences": SEQUENCES, **lacks}
    for name, found in there.items():
        monkeypatch.setattr(contents, name, lambda _, found=found: found)
    server = Scratch(Path("/nowhere"), Path("/nowhere/log"))
    told = fault_of(lambda: restored.try_dump(Path("dump.sql.gz"), MANIFEST, server, None))
    assert (told and told[0]) == fault
