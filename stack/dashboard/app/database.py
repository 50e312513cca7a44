"""The database, behind a bounded pool and a circuit.

::

    up ──(a statement finds its connection broken)──▶ doubted ──(a fresh connection fails too)──▶ down
    ▲                                                    │                                          │
    └──────────(a fresh connection answers)──────────────┴──────(asked again every 0.2 s)───────────┘

While it is down, requests are refused at once. A pool does not outlive an outage: what it holds may be dead,
and its own attempts to reconnect back off for longer than the database needs to come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from app.flight import SingleFlight
from app.metrics import DB_ERRORS, DB_QUERIES, DB_UP
from app.settings import Settings

log = logging.getLogger("dashboard.database")

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]
Pool = AsyncConnectionPool[Connection]
Parameters = Sequence[Any] | Mapping[str, Any]

# What goes wrong with a database, as against what is wrong with a statement: refused and broken connections,
# time-outs, no space, shutting down, read-only. (PostgreSQL manual, Appendix A; PEP 249.)
OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)


class Unavailable(Exception):
    """The database did not do what it was asked. Whether a statement already sent was done is not known.

    :param kind: a word for the reason, fit for strangers: no addresses, no SQL.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Database:
    """Runs statements while the database is there, and knows when it is not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._why_down = "NotAskedYet"
        self._answered_at = 0.0
        self._doubted = asyncio.Event()
        self._look = SingleFlight(self._look_at_it)
        self._tasks: set[asyncio.Task[None]] = set()
        DB_UP.set(0)

    async def open(self) -> None:
        """Start; the database need not be there. Takes as long as one look at it."""
        await self._look()
        self._start(self._watch())

    async def close(self) -> None:
        """Give up every connection, within a second."""
        for task in self._tasks:
            task.cancel()
        if self._pool:
            await self._pool.close(timeout=1)

    async def fetch(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """Run one statement, a transaction of its own; when this returns, it is committed.

        :raises Unavailable: within ``database_timeout_s``, when the database is not there or does not answer.
        """
        pool = self._pool
        if pool is None:
            raise Unavailable(self._why_down)
        DB_QUERIES.inc()
        try:
            return await self._run(pool, statement, parameters)
        except OUTAGES as error:
            DB_ERRORS.inc()
            raise self._unavailable(error) from error

    async def ping(self) -> None:
        """Really ask; when it was down, over a fresh connection, so that this too finds out that it is back.

        :raises Unavailable: within ``database_timeout_s``, when it does not answer.
        """
        if self._pool is None:
            await self._look()
        pool = self._pool
        if pool is None:
            raise Unavailable(self._why_down)
        try:
            await self._run(pool, "SELECT 1", ())
        except OUTAGES as error:
            raise self._unavailable(error) from error

    async def _run(self, pool: Pool, statement: str, parameters: Parameters) -> list[Row]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.database_timeout_s
        async with pool.connection() as connection:
            rows = await _within(deadline, connection, statement, parameters)
        self._answered_at = loop.time()
        return rows

    def _unavailable(self, error: psycopg.Error) -> Unavailable:
        if _connection_is_broken(error):
            self._doubted.set()
        return Unavailable(_kind(error))

    async def _watch(self) -> None:
        while True:
            if self._pool is not None:
                await self._doubted.wait()
            self._doubted.clear()
            try:
                await self._look()
            except Exception:
                # Whatever it was: without this task nobody would look for the database any more.
                log.exception("looking for the database failed")
            await asyncio.sleep(self._settings.retry_every_s)

    async def _look_at_it(self) -> None:
        started = asyncio.get_running_loop().time()
        deadline = started + self._settings.look_timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                connection = await Connection.connect(
                    self._settings.database_url, **self._connection_settings()
                )
            async with connection:
                await _within(deadline, connection, "SELECT 1", ())
        except (*OUTAGES, TimeoutError) as error:
            if self._answered_at > started:
                # Slow, not gone: connecting takes several round trips, and it answered others meanwhile.
                self._doubted.set()
            else:
                self._go_down(error)
        else:
            await self._come_up()

    async def _come_up(self) -> None:
        if self._pool is not None:
            return
        pool: Pool = AsyncConnectionPool(
            self._settings.database_url,
            kwargs=self._connection_settings(),
            min_size=self._settings.pool_min,
            max_size=self._settings.pool_max,
            max_waiting=self._settings.pool_waiting,
            timeout=self._settings.queue_timeout_s,
            reconnect_timeout=self._settings.database_timeout_s,
            open=False,
            name="dashboard",
        )
        await pool.open()
        self._pool = pool
        DB_UP.set(1)
        log.info("database reached")

    def _go_down(self, error: Exception) -> None:
        pool, self._pool = self._pool, None
        kind = _kind(error)
        if pool is not None or kind != self._why_down:
            log.warning("database not reachable", extra={"fields": {"error": kind}})
        self._why_down = kind
        DB_UP.set(0)
        if pool is not None:
            # Whoever waits for a connection of it is told at once.
            self._start(pool.close(timeout=1))

    def _connection_settings(self) -> dict[str, Any]:
        # The server gives up before we do: what it cancels, it says, and the connection lives on.
        statement_ms = int(self._settings.database_timeout_s * 800)
        return {
            "autocommit": True,
            "row_factory": dict_row,
            "application_name": "dashboard",
            "connect_timeout": 2,  # libpq's and psycopg's least
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": f"-c statement_timeout={statement_ms} -c lock_timeout={statement_ms // 2}"
            f" -c idle_in_transaction_session_timeout={statement_ms}",
        }

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _within(
    deadline: float, connection: Connection, statement: str, parameters: Parameters
) -> list[Row]:
    """Run ``statement``; at ``deadline`` (the loop's time) its connection is cut, which fails it."""
    alarm = asyncio.get_running_loop().call_at(deadline, _cut, connection)
    try:
        cursor = await connection.execute(statement, parameters)
        return await cursor.fetchall()
    finally:
        alarm.cancel()


def _cut(connection: Connection) -> None:
    # Cancelling psycopg's task instead would make it ask the server, which does not answer, to cancel the
    # statement, for five seconds, and then wait for it without limit. An end of file is understood at once.
    with contextlib.suppress(OSError, psycopg.Error), socket.fromfd(connection.fileno(), -1, -1) as twin:
        twin.shutdown(socket.SHUT_RDWR)


def _connection_is_broken(error: psycopg.Error) -> bool:
    if isinstance(error, (TooManyRequests, PoolClosed)):
        return False
    # Without a code of the server's, it is the client that found it out.
    # 08: connection exception; 57P: shutting down.
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _kind(error: Exception) -> str:
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return "TimeoutError"
    if isinstance(error, (PoolTimeout, TooManyRequests)) or getattr(error, "sqlstate", None) is not None:
        return type(error).__name__
    return "TimeoutError" if isinstance(error, TimeoutError) else "ConnectionError"
