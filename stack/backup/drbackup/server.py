"""What a manifest says of the database server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from drbackup import contents

_QUESTION = """
    SELECT current_setting('server_version'), system_identifier::text, pg_current_wal_lsn()::text,
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    FROM pg_control_system()"""
_ARCHIVED = "SELECT last_archived_wal FROM pg_stat_archiver WHERE last_archived_wal ~ '^[0-9A-F]{24}$'"


@dataclass(frozen=True)
class Server:
    """A server that takes writes, as it is just now."""

    version: str
    system_identifier: str
    wal_lsn: str
    timeline: int


def ask(connection: psycopg.Connection[Any]) -> Server:
    """What the server says of itself.

    :raises psycopg.Error: when it cannot be asked; a standby cannot.
    """
    row = connection.execute(_QUESTION).fetchone()
    if row is None:
        raise psycopg.DataError("the server says nothing of itself")
    return Server(*row)


def last_archived(dsn: str) -> str | None:
    """The segment that the archive command has last said yes to; None when it was asked for none yet.

    :raises psycopg.Error: when the server cannot be asked.
    """
    with contents.connect(dsn) as connection:
        row = connection.execute(_ARCHIVED).fetchone()
    return str(row[0]) if row else None
