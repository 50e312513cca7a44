"""Restores in the place of a database, on real servers: killed, out of room, without the vault, corrected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from psycopg import sql

from plan.errors import UserError
from recovery.restore import discard_kept, restore
from recovery.volumes import volume_at
from stack.compose import ComposeError
from stack.wait import wait_until
from tests.live.two_sites import Sites, ask, execute, night, sites, vault_has_all

__all__ = ["night", "sites"]  # fixtures

pytestmark = pytest.mark.live


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("moment", ["is kept", "laying", "starting"])
def test_a_restore_that_was_killed_is_done_again(sites: Sites, moment: str) -> None:
    """Whatever it had begun: the damaged database is kept, and a fresh one has all that was acknowledged."""
    sold = ask(
        sites,
        "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents)"
        f" VALUES ('killed-{moment}', 1, 1, 99) RETURNING id",
    )
    damaged = volume_at(sites.a.container("postgres"), "/var/lib/postgresql/data")
    kill_restore(sites, moment)
    if moment == "starting":
        with pytest.raises(ComposeError, match="no-base"):
            restore(sites.a, "2000-01-01 00:00:00+00:00", lambda _: None)
        back = volume_at(sites.a.container("postgres"), "/var/lib/postgresql/data")
        assert back != damaged, "what was laid out is put back, and not the damaged one"
    said: list[str] = []
    restore(sites.a, "latest", said.append)
    assert ask(sites, "SELECT max(id) FROM sales") == sold, said
    assert damaged in discard_kept(sites.a)


@pytest.mark.usefixtures("night")
def test_two_operators_do_not_restore_at_once(sites: Sites) -> None:
    """Each would take the other's volume for its own."""
    with subprocess.Popen(["flock", str(sites.a.run_dir), "cat"], stdin=subprocess.PIPE) as other:
        wait_until(
            lambda: subprocess.run(["flock", "-n", str(sites.a.run_dir), "true"], check=False).returncode,
            timeout_s=10,
            what="the other one is at work",
        )
        with pytest.raises(UserError, match=r"another restore of the stack in .* is at work"):
            restore(sites.a, "latest", lambda _: None)
        other.communicate()
    assert discard_kept(sites.a) == []


@pytest.mark.usefixtures("night")
def test_where_nothing_can_be_laid_out_the_database_is_put_back(sites: Sites) -> None:
    before = ask(sites, "SELECT max(id) FROM sales")
    with pytest.raises(UserError, match="neither latest nor a moment with its UTC offset"):
        restore(sites.a, "2026-11-24 11:59:30", lambda _: None)
    with pytest.raises(ComposeError, match="no-base"):
        restore(sites.a, "2000-01-01 00:00:00+00:00", lambda _: None)
    sites.a.compose("up", "--detach", "--wait", "postgres")
    assert ask(sites, "SELECT max(id) FROM sales") == before
    assert discard_kept(sites.a) == []


@pytest.mark.usefixtures("night")
def test_where_there_is_no_room_the_database_is_put_back(sites: Sites) -> None:
    before = ask(sites, "SELECT max(id) FROM sales")
    sites.a.set_variable("DRILL_POSTGRES_VOLUME", "16m")
    try:
        with pytest.raises(UserError, match=r"the disk is full: .*No space left on device"):
            restore(sites.a, "latest", lambda _: None)
    finally:
        sites.a.set_variable("DRILL_POSTGRES_VOLUME", "1g")
    sites.a.compose("up", "--detach", "--wait", "postgres")
    assert ask(sites, "SELECT max(id) FROM sales") == before
    assert discard_kept(sites.a) == []


@pytest.mark.usefixtures("night")
def test_while_the_vault_does_not_answer_this_sites_own_backups_will_do(sites: Sites) -> None:
    sold = ask(
        sites,
        "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents)"
        " VALUES ('without-vault', 1, 1, 99) RETURNING id",
    )
    last = ask(sites, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    # Filled, and not switched: so its last record goes on in the next one, and the recovery ends in the middle of it.
    execute(sites, "SELECT pg_logical_emit_message(false, 'full', repeat('x', 20000000))")
    archived = f"SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"
    wait_until(lambda: ask(sites, archived), timeout_s=30, what="the sale is archived")
    vault = sites.b.container("vault")
    vault.stop(timeout=1)
    try:
        with pytest.raises(ComposeError, match="vault"):
            restore(sites.a, "latest", lambda _: None)
        restore(sites.a, "latest", lambda _: None, without_vault=True)
        assert ask(sites, "SELECT max(id) FROM sales") == sold
        # Of its new history nothing is archived yet.
        restore(sites.a, "latest", lambda _: None, without_vault=True)
    finally:
        vault.start()
    assert ask(sites, "SELECT max(id) FROM sales") == sold
    discard_kept(sites.a)
    # What the vault has missed is in the archive alone by now: what the alert says is to be done has it sent.
    wait_until(
        lambda: sites.backup("drbackup", "offsite").exit_code == 0 and vault_has_all(sites),
        timeout_s=60,
        every_s=1,
        what="the vault has all of the log again",
        why_not=lambda: vault.logs(tail=20).decode(),
    )


RESTORE = """
import pathlib, sys
from recovery.restore import restore
from stack.stack import Stack
restore(Stack(sys.argv[1], pathlib.Path(sys.argv[2])), "latest", lambda said: print(said, flush=True))
"""


def kill_restore(sites: Sites, moment: str) -> None:
    """Begin a restore, and kill it, and all that it has started, as soon as it says ``moment``."""
    command = [sys.executable, "-c", RESTORE, sites.a.drill_id, str(sites.a.run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stdout is not None
        seen = next((line for line in running.stdout if moment in line), None)
        os.killpg(running.pid, signal.SIGKILL)
    assert seen, "it ended before"


def sell(sites: Sites, client: str) -> None:
    execute(
        sites,
        sql.SQL(
            "INSERT INTO sales (client_id, product_id, quantity, unit_price_cents) VALUES ({}, 1, 1, 99)"
        ).format(client),
    )


@pytest.mark.usefixtures("night")
def test_a_moment_that_was_too_early_can_be_corrected(sites: Sites) -> None:
    """What the first recovery has undone is on the older timeline, and the vault goes on receiving after both."""

    def sold() -> list[str]:
        listed = "SELECT string_agg(client_id, ' ' ORDER BY id) FROM sales WHERE client_id LIKE 'early-%'"
        return str(ask(sites, listed) or "").split()

    moments = []
    for name in ("early-1", "early-2", "early-3"):
        moments.append(str(ask(sites, "SELECT clock_timestamp()::text")))
        sell(sites, name)
    timeline = ask(sites, "SELECT timeline_id FROM pg_control_checkpoint()")
    restore(sites.a, moments[1], lambda _: None)
    assert sold() == ["early-1"]
    said: list[str] = []
    restore(sites.a, moments[2], said.append)
    assert sold() == ["early-1"], "the newest history is followed"
    warned = next((line for line in said if "was undone. To have that: --timeline" in line), "")
    assert warned.endswith(f"--timeline {timeline}"), "\n".join(said)
    restore(sites.a, moments[2], lambda _: None, timeline=timeline)
    assert sold() == ["early-1", "early-2"]
    sell(sites, "early-4")
    wait_until(
        lambda: vault_has_all(sites),
        timeout_s=60,
        what="the vault has all of the log again",
        why_not=lambda: sites.b.container("vault").logs(tail=20).decode(),
    )
    restore(sites.a, "latest", lambda _: None)
    assert sold() == ["early-1", "early-2", "early-4"]
    discard_kept(sites.a)


@pytest.mark.usefixtures("night")
def test_damage_in_the_newest_of_the_log_is_told(sites: Sites) -> None:
    """To a recovery it looks as if the log ended there."""
    sell(sites, "before-the-damage")
    at = int(ask(sites, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
    segment = ask(sites, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    for n in range(3):
        sell(sites, f"behind-the-damage-{n}")
    wait_until(lambda: vault_has_all(sites), timeout_s=60, what="the vault has all of the log")
    damage = f"cd /vault/wal && printf 'rotten' | dd conv=notrunc bs=1 seek={at % (16 << 20) + 30} of=$(ls {segment}*)"
    assert sites.vault("sh", "-c", damage).exit_code == 0
    with pytest.raises(ComposeError, match="the server is up, and lacks the end of the log"):
        restore(sites.a, "latest", lambda _: None)
    sold = "SELECT string_agg(client_id, ' ') FROM sales WHERE client_id LIKE '%-the-damage%'"
    assert ask(sites, sold) == "before-the-damage"
    discard_kept(sites.a)
