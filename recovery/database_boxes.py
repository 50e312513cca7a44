"""The boxes of DRP Scenario 2 that the live stack can be asked for; data loss is for the ledger."""

from __future__ import annotations

import time

import psycopg
from psycopg import sql

from measure import baseline
from measure.baseline import Baseline
from recovery.boxes import Examine, Finding
from recovery.client import Client
from stack.stack import Stack

# Without them, what was acknowledged does not survive a loss of power (PostgreSQL manual, "Reliability").
_UNSAFE = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
"""


class DatabaseBoxes:
    """Examines a database that is recovering, and the application that uses it.

    :param before: the data that was there before the fault; None where nobody has recorded it.
    """

    def __init__(self, stack: Stack, client: Client, before: Baseline | None) -> None:
        self._stack = stack
        self._client = client
        self._before = before

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {
            "accepting-connections": self.accepting,
            "all-tables": self.tables,
            "application-reconnected": self.reconnected,
        }

    def accepting(self) -> Finding:
        """A new connection is accepted, by a server that takes writes."""
        started = time.monotonic()
        try:
            with psycopg.connect(self._dsn()) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                unsafe = connection.execute(_UNSAFE).fetchall()
        except psycopg.Error as error:
            return Finding(False, f"refused: {_first_line(error)}")
        took_ms = 1000 * (time.monotonic() - started)
        if row is None or row[0]:
            return Finding(False, "it is still recovering, and takes no writes")
        if unsafe:
            switched = ", ".join(f"{name} = {setting}" for name, setting in unsafe)
            return Finding(False, f"it acknowledges what is not on disk: {switched}")
        return Finding(True, f"connected in {took_ms:.0f} ms; it takes writes")

    def tables(self) -> Finding:
        """Every row of every table is read; what was there before the fault is there, unchanged."""
        try:
            with baseline.connect(self._dsn()) as connection:
                counts = {table: _read(connection, *table) for table in _tables(connection)}
            told = ", ".join(f"{name} {count}" for (_, name), count in counts.items())
            evidence = f"every row of {len(counts)} tables read: {told}"
            if not counts:
                return Finding(False, "there is no table")
            if self._before is None:
                return Finding(True, f"{evidence}; there is no record of what was there before")
            differences = baseline.compare(self._before, self._dsn())
        except psycopg.Error as error:
            return Finding(False, f"cannot be read: {_first_line(error)}")
        if differences:
            return Finding(False, f"{evidence}; {'; '.join(differences)}")
        return Finding(True, f"{evidence}; counts and content hashes of before are right")

    def reconnected(self) -> Finding:
        """The application answers from the database, and says that it reaches it."""
        health = self._client.ask("GET", "/api/health")
        product = self._client.ask("GET", "/api/products?limit=1")
        evidence = f"health check: HTTP {health.status_code}; products: HTTP {product.status_code}"
        return Finding(health.status_code == product.status_code == 200, evidence)

    def _dsn(self) -> str:
        try:
            return self._stack.dsn()
        except LookupError as error:
            raise psycopg.OperationalError(str(error)) from error


def _tables(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
    )
    return [(str(schema), str(name)) for schema, name in rows]


def _read(connection: psycopg.Connection[tuple[object, ...]], schema: str, name: str) -> int:
    # The hash is of no interest here: to make it, every column of every row must be read and decompressed.
    query = sql.SQL("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {} AS t").format(
        sql.Identifier(schema, name)
    )
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
