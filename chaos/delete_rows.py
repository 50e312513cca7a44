"""Human error: ``DELETE`` without ``WHERE``, committed.

::

    prepare: count the rows; note time and WAL position
    inject: DELETE FROM table ──▶ effective: it is committed, no row of before is left
        ──▶ heal: nothing can ──▶ healed: at once

What is lost cannot be brought back from inside: only a recovery to the moment before can (PITR), into a fresh
volume, and that is the drill's own work. What is written after the moment is its price. The damaged volume ends
with its stack.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.base import StackFault, saved, transient
from chaos.containers import own_container
from chaos.postgres import DATABASE, query, quoted
from stack.wait import wait_until

DELETE_TIMEOUT_S = 60.0


@dataclass
class DeleteRows(StackFault):
    """Deletes every row of ``table``, by mistake.

    ``rows`` are those that were there before, at ``utc`` and the WAL position ``lsn``; no transaction older than
    ``horizon`` was still open then. Once it is injected, ``xid`` is the transaction that deleted, for
    ``recovery_target_xid``, and ``deleted`` how many rows it did.
    """

    name: ClassVar[str] = "delete-rows"
    service: str = "postgres"
    table: str = "sales"
    database: str = DATABASE
    rows: int = saved(0)
    lsn: str = saved("")
    utc: str = saved("")
    horizon: str = saved("")
    xid: str | None = transient()
    deleted: int | None = transient()

    def describe(self) -> str:
        """One sentence for the report."""
        return f"Every row of {self.table} is deleted (DELETE without WHERE), and that is committed."

    def prepare(self) -> None:
        """Note what is there, and when: for whoever recovers to that moment."""
        [[rows, self.lsn, self.utc, self.horizon]] = query(
            self.stack,
            self.service,
            "SELECT count(*), pg_current_wal_insert_lsn(), "
            "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"'), "
            f"pg_snapshot_xmin(pg_current_snapshot()) FROM {quoted(self.table)}",
            self.database,
        )
        self.rows = int(rows)

    def inject(self) -> None:
        """Delete them.

        :raises chaos.postgres.PostgresError: when the server refuses, as for rows that others refer to.
        """
        own_container(self.stack, self.service)
        [[self.xid, deleted]] = query(
            self.stack,
            self.service,
            f"WITH gone AS (DELETE FROM {quoted(self.table)} RETURNING 1) "
            "SELECT pg_current_xact_id(), count(*) FROM gone",
            self.database,
            DELETE_TIMEOUT_S,
        )
        self.deleted = int(deleted)

    def wait_effective(self, timeout_s: float) -> float:
        """When it was first seen committed, with none but newer rows in the table."""
        # A row's age is that of the transaction that wrote it; those that came in meanwhile are younger.
        older = f"SELECT FROM {quoted(self.table)} WHERE age(xmin) > age('{self.horizon}'::xid8::xid)"
        look = f"SELECT pg_xact_status('{self.xid}') = 'committed' AND NOT EXISTS ({older})"
        wait_until(
            lambda: query(self.stack, self.service, look, self.database) == [["t"]] and self.rows > 0,
            timeout_s=timeout_s,
            what=f"the {self.rows} rows of {self.table} are gone",
        )
        return time.monotonic()

    def heal(self) -> None:
        """Nothing: no statement gives back what a committed one deleted; see the top of the file."""

    def wait_healed(self, timeout_s: float) -> None:
        """Nothing to wait for: whether the rows are back is for the drill to judge."""
