"""Database: one session holds a lock on a table and does nothing; whoever needs the table queues up behind it.

::

    inject: BEGIN; LOCK TABLE; then idle ──▶ effective: it is granted, and others wait for it
        ──▶ heal: end the client, and the session ──▶ healed: no session of it is left

The way in which a forgotten transaction, or a migration that waits for its operator, stops a shop. ACCESS
EXCLUSIVE stops readers too (PostgreSQL manual, "Explicit Locking").
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.postgres import DATABASE, conninfo, psql, query, quoted
from chaos.sessions import SessionFault
from stack.wait import wait_until

# On descriptor 3 is a pipe that nobody writes to and nobody closes: reading from it, psql idles. The pipe has no
# name left in the file system that could outlive it.
_IDLE = """
pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe" && exec "$@" -f /dev/fd/3
"""


@dataclass
class LockTable(SessionFault):
    """Locks ``table`` of the PostgreSQL that ``service`` runs.

    :param waiters: how many sessions must be seen waiting for it before it counts as being in effect.
    """

    name: ClassVar[str] = "lock-table"
    service: str = "postgres"
    table: str = "sales"
    database: str = DATABASE
    waiters: int = 1

    def describe(self) -> str:
        """One sentence for the report."""
        return f"An idle transaction holds the table {self.table} in ACCESS EXCLUSIVE mode; all others wait."

    def inject(self) -> None:
        """Open the session that takes the lock, once those who have the table now let go of it."""
        lock = f"LOCK TABLE {quoted(self.table)} IN ACCESS EXCLUSIVE MODE"
        client = [*psql(conninfo(self.mark, self.database)), "-c", "BEGIN", "-c", lock]
        self.hold("sh", "-c", _IDLE, "sh", *client)

    def wait_effective(self, timeout_s: float) -> float:
        """When enough others were first seen to wait for the session that has the lock."""
        held, waiting = False, 0

        def blocked() -> bool:
            nonlocal held, waiting
            [[granted, count]] = query(self.stack, self.service, self._look(), self.database)
            held, waiting = granted == "t", int(count)
            return held and waiting >= self.waiters

        wait_until(
            blocked,
            timeout_s=timeout_s,
            what=f"{self.waiters} or more wait for the lock on {self.table}",
            why_not=lambda: f"{waiting} wait" if held else "the lock is not held",
        )
        return time.monotonic()

    def _look(self) -> str:
        holder = (
            "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) "
            f"WHERE application_name = '{self.mark}' AND relation = '{quoted(self.table)}'::regclass "
            "AND mode = 'AccessExclusiveLock' AND granted"
        )
        return (
            f"SELECT EXISTS ({holder}), "
            f"(SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_blocking_pids(pid) && ARRAY({holder}))"
        )
