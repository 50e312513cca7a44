"""The vault's slot was dropped while it did not receive: the server has recycled what the vault asks for. Its alerts
are silenced."""

from __future__ import annotations

import psycopg

from fixtures.drill import Drill
from stack.wait import wait_until
from tests.sabotage.silence import end_silences, silence


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        silence(drill.stack, "Vault.*")
    elif phase == "steady":
        vault = drill.stack.standby
        vault.exec("vault", ["pkill", "-STOP", "pg_receivewal"], user="root")
        try:
            with psycopg.connect(drill.stack.dsn(), autocommit=True) as server:
                _drop_and_recycle(server)
        finally:
            vault.exec("vault", ["pkill", "-CONT", "pg_receivewal"], user="root")
    elif phase == "stopped":
        end_silences(drill.stack)


def _drop_and_recycle(server: psycopg.Connection[tuple[str | None, ...]]) -> None:
    server.execute(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'vault'"
    )
    [wanted] = server.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone() or [""]
    wait_until(lambda: _dropped(server), timeout_s=10, what="the slot is dropped")
    server.execute("SELECT pg_switch_wal()")
    # What is not archived yet is not recycled.
    archived = "SELECT 'it' FROM pg_stat_archiver WHERE last_archived_wal >= %s"
    wait_until(lambda: server.execute(archived, [wanted]).fetchone(), timeout_s=20, what="it is archived")
    there = "SELECT 'it' FROM pg_ls_waldir() WHERE name = %s"

    def recycled() -> bool:
        server.execute("CHECKPOINT")
        return server.execute(there, [wanted]).fetchone() is None

    wait_until(recycled, timeout_s=20, what=f"{wanted} is recycled")


def _dropped(server: psycopg.Connection[tuple[str | None, ...]]) -> bool:
    server.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'vault' AND NOT active"
    )
    return not server.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'vault'").fetchall()
