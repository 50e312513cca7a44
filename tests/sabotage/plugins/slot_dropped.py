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
        with psycopg.connect(drill.stack.dsn(), autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'vault'"
            )
            wait_until(lambda: _dropped(server), timeout_s=10, what="the slot is dropped")
            for _ in range(3):
                server.execute("SELECT pg_switch_wal()")
                server.execute("CHECKPOINT")
        vault.exec("vault", ["pkill", "-CONT", "pg_receivewal"], user="root")
    elif phase == "stopped":
        end_silences(drill.stack)


def _dropped(server: psycopg.Connection[tuple[object, ...]]) -> bool:
    server.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'vault' AND NOT active"
    )
    return not server.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'vault'").fetchall()
