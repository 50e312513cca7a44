"""Restores, on a real server: what was dumped comes back, what is rotten is named, a moment is that moment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from drbackup import contents
from drbackup.manifest import NextValue
from drbackup.restore import COMPRESS_CHEAPLY

from stack.execution import ExecResult
from stack.stack import Stack
from stack.wait import wait_until
from tests.live.whole_stack import whole_stack

pytestmark = pytest.mark.live

FORGE = Path(__file__).with_name("forge_dump.py")
WAL = "/backups/wal"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Database and backup container, with a dump, a WAL receiver that had begun before the base, and a base."""
    with whole_stack(tmp_path_factory.mktemp("runs"), "restore", "backup") as up:
        up.container("backup").exec_run(["mkdir", "-p", WAL])
        receive = ["pg_receivewal", f"--directory={WAL}", "--slot=vault", "--synchronous", "--no-password"]
        assert up.exec("backup", [*receive, "--create-slot"]).exit_code == 0
        up.container("backup").exec_run(receive, detach=True)
        wait_until(lambda: partial(up), timeout_s=20, what="WAL is received")
        for kind in ("dump", "base"):
            made = drbackup(up, kind)
            assert made.exit_code == 0, made.output
        yield up


def drbackup(stack: Stack, *arguments: str) -> ExecResult:
    return stack.exec("backup", ["drbackup", *arguments], timeout_s=120)


def told(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    """What a command says as JSON, without its progress."""
    quiet = ["sh", "-c", '"$@" 2>/dev/null', "-", "drbackup", *arguments, "--json"]
    done = stack.exec("backup", quiet, timeout_s=120)
    return done.exit_code, json.loads(done.output)


def partial(stack: Stack) -> list[str]:
    return [name for name in stack.exec("backup", ["ls", WAL]).output.split() if name.endswith(".partial")]


def execute(stack: Stack, statement: str, *, database: str = "minimarket") -> list[Any]:
    with psycopg.connect(stack.dsn(), dbname=database, autocommit=True) as connection:
        done = connection.execute(statement)
        return list(done.fetchall()) if done.description else []


# What is hashed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("bigint", "1", "2"),
        ("boolean", "false", "NULL"),
        ("text", "'a'", "'A'"),
        ("timestamptz", "'2026-11-24T12:00:00Z'", "'2026-11-24T12:00:00.000001Z'"),
        ("numeric", "1.0", "1.00"),
        ("interval", "'1 month'", "'30 days'"),
        ("json", "'[1]'", "'[2]'"),
        ("point", "'(0,0)'", "'(0,1)'"),
    ],
)
def test_a_changed_value_of_any_type_is_another_content(
    stack: Stack, column: str, one: str, other: str
) -> None:
    assert content_of(stack, f"(v {column})", one) != content_of(stack, f"(v {column})", other)


def test_the_same_rows_are_the_same_content_whatever_the_server_calls_them_inside(stack: Stack) -> None:
    """A restore makes an enum's labels anew, and leaves dropped columns out."""
    mood = "CREATE TYPE mood AS ENUM ('good', 'bad')"
    assert content_of(stack, "(v mood)", "'bad'", mood) == content_of(
        stack, "(gone integer, v mood)", "1, 'bad'", mood, after="ALTER TABLE hashed DROP COLUMN gone"
    )
    assert content_of(stack, "()", "") == "0"


def content_of(stack: Stack, columns: str, values: str, *before: str, after: str = "") -> str:
    """The content hash of a table with one row, which is never committed."""
    row = f"INSERT INTO hashed VALUES ({values})" if values else "INSERT INTO hashed DEFAULT VALUES"
    with contents.connect(stack.dsn()) as connection:
        connection.execute("SET LOCAL search_path = public")
        for statement in (*before, f"CREATE TABLE hashed {columns}", row, after):
            if statement:
                connection.execute(statement)
        found = contents.tables(connection)["public.hashed"].hash
        connection.rollback()
    return found


PARTS = """
    CREATE TABLE public.parts (id integer, name varchar(9));
    CREATE FUNCTION public.stamped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'"""


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        (
            "CREATE INDEX i ON public.parts (id)",
            "CREATE UNIQUE INDEX i ON public.parts (id)",
            "index public.i",
        ),
        (
            "ALTER TABLE public.parts ADD CONSTRAINT c CHECK (name IN ('a', 'b'))",
            "ALTER TABLE public.parts ADD CONSTRAINT c CHECK (name IN ('a', 'c'))",
            "constraint public.parts.c",
        ),
        (
            "ALTER TABLE public.parts ALTER id SET DEFAULT 1",
            "ALTER TABLE public.parts ALTER id SET DEFAULT 2",
            "column public.parts.id",
        ),
        (
            "CREATE VIEW public.v AS SELECT id FROM public.parts",
            "CREATE VIEW public.v AS SELECT id FROM public.parts WHERE id > 1",
            "view public.v",
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON public.parts FOR EACH ROW EXECUTE FUNCTION public.stamped()",
            "CREATE TRIGGER t BEFORE UPDATE ON public.parts FOR EACH ROW EXECUTE FUNCTION public.stamped()",
            "trigger public.parts.t",
        ),
        (
            "CREATE FUNCTION public.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION public.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 2'",
            "function public.f(integer)",
        ),
        (
            "CREATE SEQUENCE public.s INCREMENT 1",
            "CREATE SEQUENCE public.s INCREMENT 2",
            "sequence public.s",
        ),
    ],
    ids=["index", "constraint", "default", "view", "trigger", "function", "sequence"],
)
def test_what_is_defined_in_another_way_is_known_by_its_name(
    stack: Stack, one: str, other: str, named: str
) -> None:
    without, first, second = (defined(stack, each) for each in ("", one, other))
    assert first.keys() - without.keys() <= {named}
    assert {name for name in first if first[name] != second[name]} == {named}


def defined(stack: Stack, statement: str) -> dict[str, str]:
    """What is defined once a statement was carried out, which is never committed."""
    with contents.connect(stack.dsn()) as connection:
        connection.execute(PARTS)
        if statement:
            connection.execute(statement)
        found = contents.definitions(connection)
        connection.rollback()
    return found


def test_a_sequence_tells_what_it_would_give_next(stack: Stack) -> None:
    with contents.connect(stack.dsn()) as connection:
        connection.execute(
            "CREATE SEQUENCE public.fresh START 40; CREATE SEQUENCE public.given; SELECT nextval('public.given');"
            "CREATE SEQUENCE public.kept; SELECT setval('public.kept', 1000, false);"
            "CREATE SEQUENCE public.round MAXVALUE 5 CYCLE; CREATE SEQUENCE public.spent;"
            "SELECT setval('public.spent', 9223372036854775807);"
            "CREATE SEQUENCE public.down INCREMENT -3; SELECT nextval('public.down');"
        )
        found = contents.sequences(connection)
        connection.rollback()
    expected = {
        "public.sales_id_seq": NextValue(100001, 1),
        "public.fresh": NextValue(40, 1),
        "public.given": NextValue(2, 1),
        "public.kept": NextValue(1000, 1),
        "public.spent": NextValue(2**63, 1),
        "public.down": NextValue(-4, -3),
    }
    assert expected.items() <= found.items()
    assert "public.round" not in found, "none of its values is behind another"


# The dump ---------------------------------------------------------------------------------------------------------


def test_the_newest_dump_is_restored_and_is_what_was_dumped(stack: Stack) -> None:
    code, found = told(stack, "restore-test")
    assert (code, found["fault"]) == (0, None), found
    assert found["tables"]["public.products"] == 5000
    assert found["tables"]["public.sales"] == 100000
    assert "and what is defined beside them" in found["sentence"]
    assert not left_over(stack)


def test_a_dump_of_what_belongs_to_others_is_restored_too(stack: Stack) -> None:
    """Roles are in no dump; the server that it is tried in has them made."""
    execute(stack, 'CREATE ROLE "the shop" NOLOGIN')
    execute(stack, "CREATE TABLE owned AS SELECT 1 AS id")
    execute(stack, 'ALTER TABLE owned OWNER TO "the shop"')
    try:
        made = drbackup(stack, "dump")
        assert made.exit_code == 0, made.output
        code, found = told(stack, "restore-test")
        assert (code, found["fault"]) == (0, None), found
        assert found["tables"]["public.owned"] == 1
    finally:
        execute(stack, "DROP TABLE owned")
        execute(stack, 'DROP ROLE "the shop"')
        made = drbackup(stack, "dump")
    assert made.exit_code == 0, made.output


# What comes back in other words, or under a name that the server gives: it is the same all the same.
INTRICATE = """
    CREATE TABLE states (id bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT -5) PRIMARY KEY,
        state varchar(9) DEFAULT 'new' CHECK (state IN ('new', 'paid')), gone integer);
    ALTER TABLE states DROP COLUMN gone;
    CREATE INDEX states_new ON states (lower(state)) WHERE state IN ('new', 'paid');
    CREATE VIEW states_seen AS SELECT id, state IN ('new', 'paid') AS known FROM states;
    CREATE FUNCTION states_checked() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TRIGGER states_checked BEFORE INSERT ON states FOR EACH ROW
        WHEN (new.state IN ('new', 'paid')) EXECUTE FUNCTION states_checked();
    CREATE AGGREGATE states_sum (integer) (sfunc = int4pl, stype = integer);
    CREATE TABLE days (id bigint, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE days_2025 PARTITION OF days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE days_2026 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE of_days (id bigint, day date, FOREIGN KEY (id, day) REFERENCES days) PARTITION BY LIST (id);
    CREATE TABLE of_days_1 PARTITION OF of_days FOR VALUES IN (1);
    CREATE SEQUENCE states_round MAXVALUE 5 CYCLE"""
PLAIN = """
    DROP SEQUENCE IF EXISTS states_round;
    DROP TABLE IF EXISTS of_days, days, states CASCADE;
    DROP AGGREGATE IF EXISTS states_sum (integer);
    DROP FUNCTION IF EXISTS states_checked"""


def test_what_a_server_writes_in_other_words_once_it_is_restored_is_the_same(stack: Stack) -> None:
    execute(stack, INTRICATE)
    try:
        made = drbackup(stack, "dump")
        assert made.exit_code == 0, made.output
        code, found = told(stack, "restore-test")
        assert (code, found["fault"]) == (0, None), found
    finally:
        execute(stack, PLAIN)
        made = drbackup(stack, "dump")
    assert made.exit_code == 0, made.output


def left_over(stack: Stack) -> str:
    """Scratch servers and their folders that are still there."""
    folders = stack.exec("backup", ["sh", "-c", "ls -d /var/tmp/drbackup* 2>/dev/null"]).output
    return folders + stack.exec("backup", ["pgrep", "-a", "postgres"]).output


@pytest.fixture
def forged(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A newest dump that is rotten in one way, with a manifest that is right about its bytes; gone afterwards."""
    script = FORGE.read_text(encoding="utf-8")
    made = stack.exec("backup", ["python3", "-c", script, request.param], timeout_s=60)
    assert made.exit_code == 0, made.output
    name = made.output.strip()
    yield name
    stack.exec("backup", ["rm", f"/backups/postgresql/{name}", f"/backups/postgresql/{name}.json"])


@pytest.mark.parametrize(
    ("forged", "fault", "says"),
    [
        ("deleted-row", "rows", ""),
        ("changed-value", "content", ""),
        ("missing-table", "missing-table", ""),
        ("without-keys", "definition", "the constraint public.products.products_pkey is missing"),
        (
            "behind",
            "sequence",
            "the sequence public.sales_id_seq would give 1 next, and 100001 when it was dumped",
        ),
        ("wrong-database", "wrong-database", ""),
        ("truncated", "incomplete", ""),
        ("empty", "incomplete", ""),
        ("failing-statement", "restore", ""),
        ("old", "stale", ""),
    ],
    indirect=["forged"],
)
def test_a_rotten_dump_is_named_by_the_restore_test(stack: Stack, forged: str, fault: str, says: str) -> None:
    code, found = told(stack, "restore-test")
    assert (code, found["dump"], found["fault"]) == (1, forged if fault != "stale" else None, fault), found
    assert says in found["sentence"]
    assert not left_over(stack)


@pytest.mark.parametrize(
    ("forged", "fault", "depth"),
    [
        ("deleted-row", "rows", "contents"),
        ("changed-value", "content", "restore"),
        ("missing-table", "missing-table", "contents"),
        ("without-keys", "definition", "restore"),
        ("behind", "sequence", "restore"),
        ("wrong-database", "wrong-database", "contents"),
        ("truncated", "incomplete", "checksum"),
        ("empty", "incomplete", "checksum"),
    ],
    indirect=["forged"],
)
def test_a_rotten_dump_is_named_by_verification_at_its_depth(
    stack: Stack, forged: str, fault: str, depth: str
) -> None:
    code, found = told(stack, "verify", "--depth", depth)
    assert code == 1
    bad = {each["name"]: each["fault"] for each in found["findings"] if not each["ok"]}
    assert bad == {forged: fault}, found


def test_everything_is_ok_at_the_deepest(stack: Stack) -> None:
    execute(stack, "SELECT pg_logical_emit_message(true, 'test', 'a segment is begun')")
    wait_until(lambda: partial(stack), timeout_s=20, what="it is received")
    code, found = told(stack, "verify", "--depth", "restore")
    assert (code, found["ok"]) == (0, found["total"]), found
    base = next(each for each in found["findings"] if each["kind"] == "base")
    assert base["sentence"].endswith(".partial")
    assert not left_over(stack)


def test_a_restore_that_was_killed_leaves_nothing_for_the_next(stack: Stack) -> None:
    killed = stack.exec(
        "backup",
        [
            "sh",
            "-c",
            "drbackup restore-test 2>/dev/null & pid=$!;"
            " timeout 30 sh -c 'until pgrep -x postgres >/dev/null; do sleep 0.05; done';"
            " kill -9 $pid; wait $pid; timeout 10 sh -c 'while pgrep -x postgres >/dev/null; do sleep 0.05; done'"
            " && ls -d /var/tmp/drbackup-scratch-*",
        ],
        timeout_s=60,
    )
    assert killed.exit_code == 0, "the server dies with its parent, and leaves a folder: " + killed.output
    code, _ = told(stack, "restore-test")
    assert code == 0
    assert not left_over(stack)


def dump_path(stack: Stack) -> str:
    return stack.exec("backup", ["sh", "-c", "ls /backups/postgresql/*.sql.gz | tail -n 1"]).output.strip()


def test_a_dump_is_restored_into_a_new_database_and_never_over_data(stack: Stack) -> None:
    restore = ("restore", "--dump", dump_path(stack), "--into", "restored")
    try:
        done = drbackup(stack, *restore)
        assert done.exit_code == 0, done.output
        assert execute(stack, "SELECT count(*) FROM sales", database="restored") == [(100000,)]
        again = drbackup(stack, *restore)
        assert again.exit_code == 2
        assert "nothing is restored over data" in again.output
    finally:
        execute(stack, "DROP DATABASE IF EXISTS restored")


@pytest.mark.parametrize("forged", ["truncated", "failing-statement"], indirect=True)
def test_a_bad_dump_changes_nothing(stack: Stack, forged: str) -> None:
    done = drbackup(stack, "restore", "--dump", f"/backups/postgresql/{forged}", "--into", "restored")
    assert done.exit_code == 1
    assert "nothing was restored" in done.output
    assert execute(stack, "SELECT 1 FROM pg_database WHERE datname = 'restored'") == []


def test_the_pages_of_new_indexes_are_compressed_cheaply_where_the_session_may_say_so(stack: Stack) -> None:
    assert told_to_compress(stack, "postgres") == ("lz4",)
    execute(stack, "CREATE ROLE plain LOGIN PASSWORD 'plain'")
    try:
        assert told_to_compress(stack, "plain") == ("pglz",)
    finally:
        execute(stack, "DROP ROLE plain")


def told_to_compress(stack: Stack, user: str) -> Any:
    with psycopg.connect(stack.dsn(), user=user, password=user) as connection:
        connection.execute(COMPRESS_CHEAPLY)
        return connection.execute("SHOW wal_compression").fetchone()


# The first part of the dump, and no more until the writer is gone.
SLOW_PSQL = """#!/bin/sh
{ head -c 2000000; until [ -e /slow/killed ]; do sleep 0.05; done; } | /usr/lib/postgresql/17/bin/psql "$@"
"""
KILLED_AT_ROWS = """
mkdir -p /slow && printf %s "$1" >/slow/psql && chmod +x /slow/psql
PATH=/slow:$PATH drbackup restore --dump "$2" --into restored & pid=$!
rows="SELECT 1 FROM pg_stat_progress_copy WHERE datname = 'restored' AND tuples_processed > 0"
timeout 30 sh -c 'until psql -qtAXc "$1" | grep -q 1; do sleep 0.1; done' - "$rows"; reached=$?
kill -9 $pid && touch /slow/killed
timeout 30 sh -c 'while pgrep -x psql >/dev/null; do sleep 0.05; done' && exit $reached
"""


def test_a_restore_that_was_killed_among_the_rows_has_changed_nothing(stack: Stack) -> None:
    dump = dump_path(stack)
    try:
        killed = stack.exec("backup", ["sh", "-c", KILLED_AT_ROWS, "-", SLOW_PSQL, dump], timeout_s=90)
        assert killed.exit_code == 0, killed.output
        tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert execute(stack, tables, database="restored") == []
        again = drbackup(stack, "restore", "--dump", dump, "--into", "restored")
        assert again.exit_code == 0, again.output
        assert execute(stack, "SELECT count(*) FROM sales", database="restored") == [(100000,)]
    finally:
        stack.exec("backup", ["sh", "-c", "touch /slow/killed; rm -rf /slow"])
        execute(stack, "DROP DATABASE IF EXISTS restored WITH (FORCE)")


# The moment -------------------------------------------------------------------------------------------------------


@pytest.fixture
def volume(stack: Stack) -> Iterator[str]:
    made = stack.docker.volumes.create(
        f"dr-{stack.drill_id}-pitr-{secrets.token_hex(2)}", labels=stack.labels
    )
    yield str(made.name)
    made.remove(force=True)


def pitr(stack: Stack, volume: str, *arguments: str, before: str = "true") -> ExecResult:
    """Lay a data directory out in a volume, in a container beside the backup container, with its volumes.

    :param before: what a shell does there first.
    """
    backup = stack.container("backup")
    container = stack.docker.containers.run(
        backup.attrs["Config"]["Image"],
        ["-c", f'{before} && exec drbackup pitr --into /data "$@"', "-", *arguments],
        entrypoint="sh",
        labels=stack.labels,
        volumes_from=[str(backup.id)],
        volumes={volume: {"bind": "/data", "mode": "rw"}},
        detach=True,
    )
    try:
        status = container.wait(timeout=120)["StatusCode"]
        return ExecResult(status, container.logs().decode())
    finally:
        container.remove(force=True)


def recovered(stack: Stack, volume: str, question: str) -> list[Any]:
    """Start a server on the volume as a new site would, wait until it has recovered, and ask it."""
    container = stack.docker.containers.run(
        stack.container("postgres").attrs["Config"]["Image"],
        labels=stack.labels,
        volumes={volume: {"bind": "/var/lib/postgresql/data", "mode": "rw"}},
        ports={"5432/tcp": ("127.0.0.1", 0)},
        detach=True,
    )

    def ask() -> list[Any] | None:
        container.reload()
        port = (container.ports["5432/tcp"] or [])[0]["HostPort"]
        with psycopg.connect(stack.dsn(), port=port, host="127.0.0.1") as connection:
            if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                return None
            return list(connection.execute(question).fetchall())

    try:
        return wait_until(
            ask,
            timeout_s=60,
            what="the server has recovered",
            why_not=lambda: container.logs(tail=20).decode(),
        )
    finally:
        container.remove(force=True, v=True)


NOTES = "SELECT id FROM notes ORDER BY id"


@pytest.fixture(scope="module")
def moments(stack: Stack) -> list[str]:
    """Rows 1 to 3 of a table; before each one but the first, a moment."""
    execute(
        stack,
        "CREATE TABLE IF NOT EXISTS notes (id integer PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())",
    )
    between = []
    for n in (1, 2, 3):
        if n > 1:
            ((moment,),) = execute(stack, "SELECT clock_timestamp()")
            between.append(moment.isoformat())
        execute(stack, f"INSERT INTO notes VALUES ({n})")
        if n == 1:
            execute(stack, "SELECT pg_switch_wal()")
    ((flushed,),) = execute(stack, "SELECT pg_current_wal_flush_lsn()")
    wait_until(
        lambda: execute(stack, f"SELECT 1 FROM pg_stat_replication WHERE flush_lsn >= '{flushed}'"),
        timeout_s=20,
        what="all WAL has been received",
    )
    return between


def test_recovery_stops_between_two_writes(stack: Stack, moments: list[str], volume: str) -> None:
    done = pitr(stack, volume, "--to", moments[0], "--json")
    assert done.exit_code == 0, done.output
    assert recovered(stack, volume, NOTES) == [(1,)]


def test_recovery_to_the_latest_moment_has_what_is_only_in_the_partial_segment(
    stack: Stack, moments: list[str], volume: str
) -> None:
    done = pitr(stack, volume, "--to", "latest")
    assert done.exit_code == 0, done.output
    assert ".partial" in done.output
    assert recovered(stack, volume, NOTES) == [(1,), (2,), (3,)]


def test_the_log_that_was_restored_is_not_archived_again(
    stack: Stack, moments: list[str], volume: str
) -> None:
    assert pitr(stack, volume).exit_code == 0
    marks = "SELECT name FROM pg_ls_archive_statusdir() WHERE name ~ '^00000001'"
    found = [name for (name,) in recovered(stack, volume, marks)]
    assert found
    assert [name for name in found if not name.endswith(".done")] == []


def test_without_the_partial_segment_the_newest_writes_are_lost(
    stack: Stack, moments: list[str], volume: str
) -> None:
    """What the one before is worth: the same, from a log without that file."""
    copy = "cp -r /backups /copy && rm /copy/wal/*.partial && export DRBACKUP_ROOT=/copy DRBACKUP_WAL_ARCHIVE=/none"
    done = pitr(stack, volume, before=copy)
    assert done.exit_code == 0, done.output
    assert recovered(stack, volume, NOTES) == [(1,)]


def test_a_moment_after_the_last_write_is_the_latest(stack: Stack, moments: list[str], volume: str) -> None:
    done = pitr(stack, volume, "--to", "2099-01-01T00:00:00Z")
    assert done.exit_code == 0, done.output
    assert "recovering to its end" in done.output
    assert recovered(stack, volume, NOTES) == [(1,), (2,), (3,)]


def test_a_segment_that_is_missing_is_named_before_any_server_starts(
    stack: Stack, moments: list[str], volume: str
) -> None:
    gap = (
        "cp -r /backups /copy && export DRBACKUP_ROOT=/copy DRBACKUP_WAL_ARCHIVE=/none"
        " && rm $(ls /copy/wal/* | grep -v partial | tail -n 1)"
    )
    done = pitr(stack, volume, before=gap)
    assert done.exit_code == 1
    assert "wal-gap" in done.output
    empty = pitr(stack, volume, "--to", "2000-01-01T00:00:00Z", before=gap)
    assert empty.exit_code == 1
    assert "no-base" in empty.output


def test_a_directory_with_something_in_it_is_refused_and_a_killed_restore_done_again(
    stack: Stack, moments: list[str], volume: str
) -> None:
    refused = pitr(stack, volume, before="touch /data/precious")
    assert refused.exit_code == 2
    assert "nothing is restored over data" in refused.output
    killed = "rm /data/precious && mkdir -p /data/.drbackup-pitr/base /data/base && touch /data/base/1"
    done = pitr(stack, volume, before=killed)
    assert done.exit_code == 0, done.output
    assert recovered(stack, volume, NOTES) == [(1,), (2,), (3,)]
