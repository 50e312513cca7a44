"""Backups on real servers: they hold what is in the database, fail honestly, and are in the other site too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from drbackup.contents import connect, tables
from drbackup.manifest import Manifest
from psycopg import sql

from chaos.pause_container import PauseContainer
from plan.errors import UserError
from recovery.backup_schedule import FOLDERS
from recovery.handed_over import check_handed_over
from recovery.restore_cache import restore_cache
from stack.wait import wait_until
from tests.live.beside import beside
from tests.live.two_sites import NIGHTLY, Sites, ask, execute, night, sites, vault_has_all

__all__ = ["night", "sites"]  # fixtures

pytestmark = pytest.mark.live


def names(sites: Sites, folder: str) -> list[str]:
    """All that is in a folder of backups, hidden or not."""
    done = sites.backup("ls", "-A", f"/backups/{folder}")
    return done.output.split() if done.exit_code == 0 else []


def manifest(sites: Sites, folder: str) -> Manifest:
    """That of the newest backup."""
    done = sites.backup("sh", "-c", f"cat $(ls /backups/{folder}/*.json | tail -n 1)")
    assert done.exit_code == 0, done.output
    return Manifest.from_json(done.output, folder)


def drop(sites: Sites, database: str) -> None:
    execute(sites, sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))


@contextmanager
def sales(sites: Sites) -> Iterator[None]:
    """Sales for as long as it lasts, as many as one client can make."""

    def sell(stop: threading.Event) -> None:
        with psycopg.connect(sites.a.dsn(), autocommit=True) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                connection.execute(
                    "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents) VALUES (%s, 1, 1, 99)",
                    (f"during-{time.time_ns()}-{number}",),
                )

    with beside(sell):
        yield


def test_a_dump_made_under_load_holds_exactly_what_its_manifest_tells_of(sites: Sites) -> None:
    with sales(sites):
        done = sites.backup("drbackup", "dump")
    assert done.exit_code == 0, done.output
    made = manifest(sites, "postgresql")
    restore = (
        "psql -qd postgres -c 'CREATE DATABASE restored' && set -o pipefail &&"
        f" gunzip -c /backups/postgresql/{made.file} | psql -qX1 -v ON_ERROR_STOP=1 -d restored >/dev/null"
    )
    try:
        restored = sites.backup("bash", "-c", restore)
        assert restored.exit_code == 0, restored.output
        with connect(f"{sites.a.dsn()} dbname=restored") as connection:
            assert tables(connection) == made.tables
    finally:
        sites.backup("psql", "-qd", "postgres", "-c", "DROP DATABASE IF EXISTS restored WITH (FORCE)")
    assert set(made.tables or {}) == {"public.products", "public.sales"}
    assert made.wal_lsn
    assert made.system_identifier == str(ask(sites, "SELECT system_identifier FROM pg_control_system()"))
    with connect(sites.a.dsn()) as connection:
        now = tables(connection)
    assert now["public.products"] == (made.tables or {})["public.products"]
    assert now["public.sales"].rows >= (made.tables or {})["public.sales"].rows


@pytest.mark.parametrize(
    ("pg_dump", "reason"),
    [
        ("/usr/lib/postgresql/17/bin/pg_dump \"$@\"; echo 'pg_dump: error: boom' >&2; exit 1", "boom"),
        ('/usr/lib/postgresql/17/bin/pg_dump "$@" | head -c 100000', "does not end as a dump ends"),
        ("exit 0", "does not end as a dump ends"),
        ("kill -9 $$", "pg_dump failed (-9)"),
    ],
    ids=["fails-at-the-end", "truncated", "empty", "killed"],
)
def test_a_dump_that_failed_says_so_and_leaves_nothing(sites: Sites, pg_dump: str, reason: str) -> None:
    before = names(sites, "postgresql")
    script = f"#!/bin/sh\n{pg_dump}\n"
    sites.backup(
        "sh", "-c", 'mkdir -p /fake && printf %s "$1" >/fake/pg_dump && chmod +x /fake/pg_dump', "-", script
    )
    done = sites.backup("sh", "-c", "PATH=/fake:$PATH drbackup dump")
    assert done.exit_code == 2
    assert reason in done.output
    assert names(sites, "postgresql") == before


def test_a_night_without_a_database_says_so_makes_the_rest_and_removes_nothing(sites: Sites) -> None:
    sites.backup("sh", "-c", "mkdir -p /backups/postgresql; touch /backups/postgresql/.partial.killed")
    before = set(names(sites, "postgresql")) - {".partial.killed"}
    PauseContainer(sites.a, "postgres").inject()
    try:
        done = sites.backup(NIGHTLY)
    finally:
        sites.a.container("postgres").unpause()
    assert done.exit_code == 1
    assert "nightly: failed: dump, base" in done.output
    assert "nothing is removed after a failure" in done.output
    assert set(names(sites, "postgresql")) == before
    assert manifest(sites, "redis")
    metrics = sites.backup("curl", "-fsS", "http://127.0.0.1:9101/metrics").output
    assert 'drbackup_last_run_failed{kind="dump"} 1.0' in metrics
    assert 'drbackup_last_run_failed{kind="redis"} 0.0' in metrics


def test_two_runs_at_once_are_refused(sites: Sites) -> None:
    for command in ("dump", "base", "redis", "config", "offsite", "retention", "nightly"):
        done = sites.backup("flock", "/backups/.drbackup.lock", "drbackup", command)
        assert done.exit_code == 2
        assert "another run" in done.output


def test_a_save_of_the_cache_that_failed_is_no_backup(sites: Sites) -> None:
    before = names(sites, "redis")
    sites.a.exec("redis", ["chmod", "0555", "/data"], user="root")
    try:
        done = sites.backup("drbackup", "redis")
    finally:
        sites.a.exec("redis", ["chmod", "1777", "/data"], user="root")
    assert done.exit_code == 2
    assert "BGSAVE failed" in done.output
    assert names(sites, "redis") == before
    assert sites.backup("drbackup", "redis").exit_code == 0, (
        "the next one is good, and Redis takes writes again"
    )


def test_the_rdb_holds_what_was_in_the_cache(sites: Sites) -> None:
    assert sites.a.exec("redis", ["redis-cli", "-e", "SET", "kept", "in-the-rdb"]).exit_code == 0
    assert sites.backup("drbackup", "redis").exit_code == 0
    file = manifest(sites, "redis").file
    assert sites.backup("grep", "-qa", "in-the-rdb", f"/backups/redis/{file}").exit_code == 0


def await_next_second() -> None:
    """The next backup has another name: they are called by the second."""
    second = int(time.time())
    wait_until(lambda: time.time() >= second + 1, timeout_s=2, what="the next second")


def test_the_cache_is_restored_from_the_newest_good_rdb(sites: Sites) -> None:
    said: list[str] = []
    for value in ("older", "newer"):
        assert sites.a.exec("redis", ["redis-cli", "-e", "SET", "kept", value]).exit_code == 0
        assert sites.backup("drbackup", "redis").exit_code == 0
        await_next_second()
    rotten = f"/backups/redis/{manifest(sites, 'redis').file}"
    assert sites.backup("sh", "-c", f"printf X >>{rotten}").exit_code == 0
    sites.a.exec("redis", ["redis-cli", "FLUSHALL"])
    restore_cache(sites.a, said.append)
    sites.backup("rm", rotten, f"{rotten}.json")
    assert sites.a.exec("redis", ["redis-cli", "GET", "kept"]).output.strip() == "older"
    assert any(f"passed over {rotten.rpartition('/')[2]}: checksum: " in line for line in said), said
    saved = sites.a.exec("redis", ["redis-cli", "-e", "SAVE"])
    assert saved.output.strip() == "OK", "and it is Redis' own: the next snapshot is written over it"


def test_where_no_rdb_is_good_the_cache_stays_as_it_was_and_redis_is_up(sites: Sites) -> None:
    assert sites.backup("mv", "/backups/redis", "/backups/elsewhere").exit_code == 0
    try:
        sites.a.exec("redis", ["redis-cli", "SET", "kept", "mine"])
        with pytest.raises(UserError, match="no good RDB among 0"):
            restore_cache(sites.a, lambda _: None)
    finally:
        assert sites.backup("mv", "/backups/elsewhere", "/backups/redis").exit_code == 0
    assert sites.a.exec("redis", ["redis-cli", "GET", "kept"]).output.strip() == "mine"


def test_a_night_is_in_the_vault_and_a_copy_that_rots_there_is_noticed(sites: Sites) -> None:
    done = sites.backup(NIGHTLY)
    assert done.exit_code == 0, done.output
    tree = "cd {} && find {} -type f -exec sha256sum {{}} + | sort -k 2"
    here = sites.backup("sh", "-c", tree.format("/backups", " ".join(FOLDERS.values()))).output
    there = sites.vault("sh", "-c", tree.format("/vault", " ".join(FOLDERS.values()))).output
    assert here == there
    assert len(here.splitlines()) >= 10
    assert sites.backup("drbackup", "offsite", "--all").exit_code == 0

    file = manifest(sites, "postgresql").file
    rot = "printf X | dd of=/vault/postgresql/{} conv=notrunc bs=1 seek=1000"
    sites.vault("sh", "-c", rot.format(file))
    done = sites.backup("drbackup", "offsite", "--all")
    assert done.exit_code == 0, done.output
    assert f"postgresql/{file} has other content" in done.output
    assert "it is sent again" in done.output
    sites.vault("truncate", "-s", "-1", f"/vault/postgresql/{file}")
    done = sites.backup("drbackup", "offsite")
    assert done.exit_code == 0, done.output
    assert "bytes, not" in done.output
    assert "it is sent again" in done.output
    again = sites.backup("drbackup", "offsite", "--all")
    assert again.exit_code == 0
    assert "sent again" not in again.output


def test_what_has_rotted_here_does_not_get_its_name_there(sites: Sites) -> None:
    assert sites.backup("drbackup", "config").exit_code == 0
    file = manifest(sites, "config").file
    path = f"/backups/config/{file}"
    try:
        sites.backup("sh", "-c", f"printf X | dd of={path} conv=notrunc bs=1 seek=100")
        done = sites.backup("drbackup", "offsite")
        assert done.exit_code == 1
        assert f"config/{file} has other content" in done.output
        assert file not in sites.vault("ls", "/vault/config").output
    finally:
        sites.backup("rm", path, f"{path}.json")


def test_a_vault_that_cannot_be_reached_fails_the_night(sites: Sites) -> None:
    PauseContainer(sites.b, "vault").inject()
    try:
        done = sites.backup("drbackup", "offsite")
    finally:
        sites.b.container("vault").unpause()
    assert done.exit_code == 2
    assert "rclone took longer than" in done.output, (
        "a bound of its own: it would wait for a greeting for ever"
    )


def test_a_write_goes_to_the_vault_as_it_is_made_and_again_after_the_server_was_away(sites: Sites) -> None:
    for away in (False, True):
        if away:
            sites.a.container("postgres").restart()
        wait_until(
            lambda: ask(sites, "SELECT active FROM pg_replication_slots WHERE slot_name = 'vault'"),
            timeout_s=30,
            what="the vault receives",
        )
        mark = f"in-the-vault-{time.time_ns()}"
        with psycopg.connect(sites.a.dsn(), autocommit=True) as connection:
            # A message is in the WAL word for word; three times, since the end of a page may go through one.
            connection.execute("SELECT pg_logical_emit_message(true, 'test', repeat(%s, 3))", (mark,))
            written = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
            arrived = "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = 'vault'"
            wait_until(
                lambda: (connection.execute(arrived, written).fetchone() or [False])[0],  # noqa: B023
                timeout_s=10,
                what="the vault has it on disk",
            )
        found = sites.vault("sh", "-c", f"grep -la {mark} /vault/wal/*")
        assert found.exit_code == 0, found.output


@pytest.mark.usefixtures("night")
def test_what_the_vault_could_not_receive_comes_from_the_archive_and_it_goes_on(sites: Sites) -> None:
    """The server has recycled what it would ask for: without that it would wait for ever."""
    sites.b.exec("vault", ["pkill", "-STOP", "pg_receivewal"], user="root")
    try:
        gone = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'vault'"
        ask(sites, gone)
        idle = "SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'vault'"
        wait_until(lambda: ask(sites, idle), timeout_s=10, what="nobody uses the slot")
        ask(sites, "SELECT pg_drop_replication_slot('vault')")
        for _ in range(4):
            last = ask(sites, "SELECT pg_walfile_name(pg_create_restore_point('hole'))")
            ask(sites, "SELECT pg_switch_wal()")
            execute(sites, "CHECKPOINT")
        archived = f"SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"
        wait_until(lambda: ask(sites, archived), timeout_s=30, what="it is archived")
        execute(sites, "CHECKPOINT")
        kept = "SELECT name FROM pg_ls_waldir() WHERE name <= %s AND name ~ '^[0-9A-F]{24}$'"
        assert ask(sites, kept.replace("%s", f"'{last}'")) is None, "the newest archived one is gone too"
    finally:
        sites.b.exec("vault", ["pkill", "-CONT", "pg_receivewal"], user="root")
    refused = "has already been removed"
    wait_until(
        lambda: refused in sites.b.container("vault").logs(tail=20).decode(),
        timeout_s=30,
        what="it is refused",
    )
    done = sites.backup("drbackup", "offsite")
    assert "that the vault lacked" in done.output, done.output
    wait_until(lambda: vault_has_all(sites), timeout_s=30, what="the vault has all of the log again")


def test_whether_a_server_that_was_stopped_has_handed_its_log_over(sites: Sites) -> None:
    with pytest.raises(UserError, match="has not ended in order: by its control file it is 'in production'"):
        check_handed_over(sites.a)
    wait_until(
        lambda: ask(sites, "SELECT active FROM pg_replication_slots WHERE slot_name = 'vault'"),
        timeout_s=30,
        what="the vault receives",
    )
    sites.a.compose("stop", "postgres")
    try:
        assert re.fullmatch(
            r"the server's last record, at \w+/\w+ on timeline \d+, is in /vault/wal",
            check_handed_over(sites.a),
        )
        sites.b.exec(
            "vault", ["sh", "-c", "mkdir /vault/wal/away; mv /vault/wal/0* /vault/wal/away"], user="root"
        )
        with pytest.raises(UserError, match=r"the server's last record, .*, is not in /vault/wal"):
            check_handed_over(sites.a)
    finally:
        sites.b.exec(
            "vault", ["sh", "-c", "mv /vault/wal/away/* /vault/wal; rmdir /vault/wal/away"], user="root"
        )
        sites.a.compose("up", "--detach", "--wait", "postgres")


@pytest.mark.parametrize("command", ["nightly", "offsite", "retention", "verify --depth restore"])
def test_a_site_that_was_given_up_sends_nothing_and_is_not_judged(sites: Sites, command: str) -> None:
    """It comes back with its cron, and its history was undone."""
    witness = ["sh", "-c", "echo b >/hold/witness/active-site"]
    sites.a.exec("holder", witness, user="root")
    try:
        done = sites.backup("drbackup", *command.split())
    finally:
        sites.a.exec("holder", ["rm", "/hold/witness/active-site"], user="root")
    assert done.exit_code == 2
    assert "the site that serves is b, and this is site a: nothing was done" in done.output


def test_a_run_by_hand_counts_as_cron_s_does(sites: Sites) -> None:
    sites.backup(
        "sh", "-c", 'echo \'{"work": "redis", "finished": 1, "error": "boom"}\' >/var/lib/drbackup/redis.json'
    )
    failed = 'drbackup_last_run_failed{kind="redis"}'
    metrics = ("curl", "-fsS", "http://127.0.0.1:9101/metrics")
    assert f"{failed} 1.0" in sites.backup(*metrics).output
    done = sites.backup("drbackup", "redis")
    assert done.exit_code == 0, done.output
    assert f"{failed} 0.0" in sites.backup(*metrics).output


def test_the_archive_never_takes_another_segment_of_the_same_name(sites: Sites) -> None:
    name = ask(sites, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    archived = "SELECT archived_count FROM pg_stat_archiver"
    before, failed = ask(sites, archived), ask(sites, "SELECT failed_count FROM pg_stat_archiver")
    sites.backup("sh", "-c", f"printf precious >/wal_archive/{name}")
    ask(sites, "SELECT pg_switch_wal() FROM pg_create_restore_point('archive')")
    wait_until(
        lambda: ask(sites, "SELECT failed_count FROM pg_stat_archiver") > failed,
        timeout_s=30,
        what="the archive command refuses",
    )
    assert sites.backup("cat", f"/wal_archive/{name}").output == "precious"
    sites.backup("rm", f"/wal_archive/{name}")
    wait_until(lambda: ask(sites, archived) > before, timeout_s=90, what="it is archived after all")


# As drbackup, but for how long an archive may stand still.
IMPATIENT = """
import sys
from drbackup import __main__, verify_wal
verify_wal.ARRIVES_S = 5.0
sys.exit(__main__.main())
"""


def verified(sites: Sites, *arguments: str, program: Sequence[str] = ("drbackup",)) -> dict[str, str]:
    """The faults that verification finds, by what has them."""
    quiet = ["sh", "-c", '"$@" 2>/dev/null', "-", *program, "verify", "--json", *arguments]
    done = sites.backup(*quiet)
    assert done.exit_code in (0, 1), done.output
    return {each["name"]: each["fault"] for each in json.loads(done.output)["findings"] if not each["ok"]}


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("kind", ["redis", "config"])
@pytest.mark.parametrize(
    "take",
    ["mv /backups/{0} /tmp", "mkdir /tmp/{0} && mv /backups/{0}/* /tmp/{0}"],
    ids=["with their folder", "it is empty"],
)
def test_when_all_backups_of_a_kind_are_gone_that_is_told(sites: Sites, kind: str, take: str) -> None:
    assert sites.backup("sh", "-c", take.format(kind)).exit_code == 0
    try:
        assert verified(sites, "--depth", "present").get(kind) == f"no-{kind}"
    finally:
        back = f"mkdir -p /backups/{kind} && mv /tmp/{kind}/* /backups/{kind} && rmdir /tmp/{kind}"
        assert sites.backup("sh", "-c", back).exit_code == 0
    assert kind not in verified(sites, "--depth", "present")


@pytest.mark.usefixtures("night")
def test_an_archive_that_stands_still_although_nothing_fails_is_told(sites: Sites) -> None:
    """As when its command was switched off for a while, and forgotten; one that hangs looks the same."""
    wal = "SELECT pg_walfile_name(pg_switch_wal()) FROM pg_create_restore_point('standstill')"
    shown = ask(sites, "SHOW archive_command")
    failed = ask(sites, "SELECT failed_count FROM pg_stat_archiver")
    execute(sites, "ALTER SYSTEM SET archive_command = ''")
    try:
        ask(sites, "SELECT pg_reload_conf()")
        wait_until(
            lambda: ask(sites, "SHOW archive_command") != shown, timeout_s=10, what="the command is forgotten"
        )
        for _ in range(3):
            last = ask(sites, wal)
        assert ask(sites, "SELECT failed_count FROM pg_stat_archiver") == failed
        impatient = ("env", "PYTHONPATH=/opt/drbackup", "python3", "-c", IMPATIENT)
        assert verified(sites, program=impatient).get("wal") == "wal-behind"
    finally:
        execute(sites, "ALTER SYSTEM RESET archive_command")
        ask(sites, "SELECT pg_reload_conf()")
    archived = f"SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"
    wait_until(lambda: ask(sites, archived), timeout_s=90, what="it is archived after all")
    assert "wal" not in verified(sites)


@pytest.mark.usefixtures("night")
def test_a_busy_server_is_not_behind(sites: Sites) -> None:
    def switch(stop: threading.Event) -> None:
        for _ in range(10):  # each takes 16 MB in the archive and in the vault
            ask(sites, "SELECT pg_switch_wal() FROM pg_create_restore_point('busy')")
            if stop.wait(0.3):
                return

    with beside(switch):
        assert "wal" not in verified(sites)


SEALED = """
    rm -rf /tmp/sealed /tmp/key && age-keygen -o /tmp/key 2>/dev/null && age-keygen -o /tmp/other 2>/dev/null
    export DRBACKUP_ROOT=/tmp/sealed DRBACKUP_AGE_RECIPIENT=$(age-keygen -y /tmp/key)
    for kind in dump base redis config; do drbackup $kind || exit 1; done
    find /tmp/sealed -type f ! -name '*.json' ! -name '*.age'
"""
READ_SEALED = """
    export DRBACKUP_AGE_IDENTITY_FILE={key}
    rm -rf /tmp/recovered /tmp/cache; mkdir /tmp/cache
    drbackup {command}
"""
READERS = {
    "verify --dir /tmp/sealed --depth restore": "4/4 OK|5/5 OK",
    "restore --dump $(ls /tmp/sealed/postgresql/*.age) --into sealed": "restored: ",
    "pitr --dir /tmp/sealed --into /tmp/recovered": "/tmp/recovered is ready",
    "redis-restore --dir /tmp/sealed --into /tmp/cache --owner 0": "dump_",
}


@pytest.fixture(scope="module")
def sealed(sites: Sites) -> Iterator[str]:
    """Encrypted backups, and what was said while they were made."""
    done = sites.backup("bash", "-c", SEALED)
    assert done.exit_code == 0, done.output
    yield done.output
    sites.backup("sh", "-c", "rm -rf /tmp/sealed /tmp/key /tmp/other /tmp/recovered /tmp/cache")


def test_at_rest_backups_are_encrypted(sealed: str) -> None:
    plain = [line for line in sealed.splitlines() if line.startswith("/tmp/sealed/")]
    assert sorted(path.rsplit("/", 1)[1] for path in plain) == [".drbackup.lock", "backup_manifest"]


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("command", READERS)
def test_whoever_has_the_key_reads_them_and_nobody_else(sites: Sites, command: str) -> None:
    try:
        other = sites.backup("bash", "-c", READ_SEALED.format(key="/tmp/other", command=command))
        assert other.exit_code in (1, 2), other.output
        assert not ask(sites, "SELECT count(*) FROM pg_database WHERE datname = 'sealed'")
        assert sites.backup("sh", "-c", "find /tmp/recovered /tmp/cache -type f").output.count("/tmp/") <= 1
        own = sites.backup("bash", "-c", READ_SEALED.format(key="/tmp/key", command=command))
        assert own.exit_code == 0, own.output
        assert re.search(READERS[command], own.output), own.output
    finally:
        drop(sites, "sealed")


def dr(sites: Sites, *words: str) -> subprocess.CompletedProcess[str]:
    """``dr``, as an operator calls it."""
    kept = {"drill_id": sites.a.drill_id, "files": [str(file) for file in sites.a.files], "site": "a"}
    (sites.a.run_dir / "stack.json").write_text(json.dumps({**kept, "context": sites.a.context}))
    return subprocess.run(
        [sys.executable, "-m", "cli", "backup", *words, "--stack", str(sites.a.run_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_operator_makes_lists_verifies_and_restores_backups(sites: Sites) -> None:
    made = dr(sites, "run", "--json")
    assert made.returncode == 0, made.stderr
    newest = json.loads(made.stdout)["backups"]
    assert {each["kind"] for each in newest} == {"dump", "base", "redis", "config"}
    assert json.loads(dr(sites, "list", "--json").stdout)["backups"] == newest
    verified = dr(sites, "verify", "--depth", "restore")
    assert (verified.returncode, "✘" in verified.stdout) == (0, False), verified.stdout
    assert "as they were dumped" in verified.stdout
    metrics = sites.backup("curl", "-fsS", "http://127.0.0.1:9101/metrics").output
    assert 'drbackup_last_run_failed{kind="verify"} 0.0' in metrics, "one by hand counts as the week's"
    assert 'drbackup_last_success_timestamp_seconds{kind="verify"}' in metrics
    tested = dr(sites, "test", "--json")
    assert (tested.returncode, "as they were dumped" in json.loads(tested.stdout)["sentence"]) == (0, True)
    try:
        restored = dr(sites, "restore", "latest", "--into", "by_hand", "--json")
        assert (restored.returncode, json.loads(restored.stdout)["database"]) == (0, "by_hand")
        again = dr(sites, "restore", "latest", "--into", "by_hand")
        assert (again.returncode, "nothing is restored over data" in again.stderr) == (2, True), again.stderr
    finally:
        drop(sites, "by_hand")
    try:
        laid = dr(sites, "pitr", "--into", "/var/tmp/by-hand", "--json")
        assert (laid.returncode, json.loads(laid.stdout)["to"]) == (0, "latest"), laid.stderr
    finally:
        sites.backup("rm", "-rf", "/var/tmp/by-hand")
