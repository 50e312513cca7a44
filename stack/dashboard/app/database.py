"""The database, behind a bounded pool and a circuit.

Every wait is bounded. While the database is known to be gone, requests are refused at once and one task alone
looks for it, so that an outage neither piles up requests nor outlives the database's return by more than that
task's period.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from app.metrics import DB_ERRORS, DB_UP, QUERIES
from app.settings import Settings

log = logging.getLogger("dashboard.database")


class Unavailable(Exception):
    """The database cannot be asked just now. Whether a statement already sent was done is not known."""


class Database:
    """A pool of connections that knows whether the database is there."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.database_timeout_s
        self._retry_after_s = settings.retry_after_s
        self._up = False
        self._watcher: asyncio.Task[None] | None = None
        milliseconds = int(settings.database_timeout_s * 1000)
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
            settings.database_url,
            open=False,
            min_size=2,
            max_size=settings.pool_size,
            max_waiting=settings.pool_waiting,
            timeout=settings.database_timeout_s,
            # The pool's own retries back off exponentially; ours come from the watcher, steadily.
            reconnect_timeout=settings.database_timeout_s,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 2,
                "application_name": "dashboard",
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
                f" -c idle_in_transaction_session_timeout={milliseconds}",
            },
        )

    async def open(self) -> None:
        """Start; the database need not be there yet."""
        await self._pool.open(wait=False)
        DB_UP.set(0)
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Give up every connection."""
        if self._watcher:
            self._watcher.cancel()
        await self._pool.close(timeout=1)

    async def fetch(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Run one statement, a transaction of its own; when this returns, it is committed.

        :raises Unavailable: when the database is not there, or does not answer in time.
        """
        if not self._up:
            raise Unavailable("the database is not reachable")
        QUERIES.inc()
        try:
            return await self._ask(query, parameters)
        except (psycopg.OperationalError, PoolTimeout, TooManyRequests, TimeoutError) as error:
            DB_ERRORS.inc()
            if not isinstance(error, (TooManyRequests, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)):
                self._lost(error)
            raise Unavailable(f"{type(error).__name__}") from error

    async def ping(self) -> None:
        """Ask the database, circuit or no circuit.

        :raises Unavailable: when it does not answer in time.
        """
        try:
            await self._ask("SELECT 1", ())
        except (psycopg.OperationalError, PoolTimeout, TooManyRequests, TimeoutError) as error:
            raise Unavailable(f"{type(error).__name__}") from error

    async def _ask(self, query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
        async with asyncio.timeout(self._timeout_s), self._pool.connection() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()

    def _lost(self, error: Exception) -> None:
        if self._up:
            self._up = False
            DB_UP.set(0)
            log.warning("database lost", extra={"fields": {"error": type(error).__name__}})

    async def _watch(self) -> None:
        while True:
            if not self._up:
                try:
                    await self.ping()
                except Unavailable:
                    # What the pool still holds may be dead: let it find out, and fill up anew.
                    await self._pool.check()
                else:
                    self._up = True
                    DB_UP.set(1)
                    log.info("database reached")
            await asyncio.sleep(self._retry_after_s)
