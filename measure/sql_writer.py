"""Rows written directly in SQL, each with its fate: the ledger of a stack whose API nobody knows."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import socket
from types import TracebackType
from typing import Any

import psycopg

from measure.history import Fate, History

CONNECTIONS = 8
"""As many rows can be in flight: few, so that a blocked database is not also robbed of its connections."""

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS dr_ledger;
CREATE TABLE IF NOT EXISTS dr_ledger.entries (
    id text NOT NULL,  -- not unique: a row that comes back twice must be seen twice
    value text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

_INSERT = "INSERT INTO dr_ledger.entries (id, value) VALUES (%s, %s)"


def fate_of_error(error: psycopg.Error) -> Fate:
    """What an error says about an autocommitted statement that was sent.

    With severity ERROR the server has rolled it back and the session lives on. Everything else leaves it
    open: FATAL and PANIC can strike after the commit, and a lost connection says nothing at all, no more do
    SQLSTATE class 08 and 40003, "statement completion unknown" (PostgreSQL manual, appendix A).
    """
    state = error.sqlstate or "08000"
    if state.startswith("08") or state == "40003":
        return Fate.INFO
    return Fate.FAIL if error.diag.severity_nonlocalized == "ERROR" else Fate.INFO


class SqlWriter:
    """Inserts into ``dr_ledger.entries``, on connections that it opens anew when they break.

    :param timeout_s: seconds after which a row is given up, its fate unknown, and its connection cut.
    """

    def __init__(self, dsn: str, history: History, timeout_s: float) -> None:
        self._dsn = dsn
        self._history = history
        self._timeout_s = timeout_s
        self._idle: list[psycopg.AsyncConnection[Any]] = []

    async def write(self, due: float) -> None:
        """Insert one row and record it. ``due`` is no matter here: history has the true times."""
        operation = self._history.invoke(secrets.token_hex(8))
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
        except psycopg.Error:
            self._history.settle(operation, Fate.FAIL)
            return
        # psycopg answers a cancelled task by asking the server to cancel, which a dead server never confirms.
        cut = asyncio.get_running_loop().call_later(self._timeout_s, _cut, connection)
        fate = Fate.OK
        try:
            await connection.execute(_INSERT, (operation.id, operation.value))
        except psycopg.Error as error:
            fate = fate_of_error(error)
        finally:
            cut.cancel()
        self._history.settle(operation, fate)
        if connection.closed:
            await connection.close()
        else:
            self._idle.append(connection)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=max(2, math.ceil(self._timeout_s)),
            application_name="dr-drill-workload",
        )

    async def __aenter__(self) -> SqlWriter:
        connection = await self._connect()
        await connection.execute(SCHEMA)
        self._idle.append(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._idle:
            await connection.close()
        self._history.close()


def _cut(connection: psycopg.AsyncConnection[Any]) -> None:
    """Shut the connection's socket down, so that whoever waits on it sees the end of it at once."""
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as own,
    ):
        own.shutdown(socket.SHUT_RDWR)
