"""What a manifest says of the database server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from drbackup import contents

_QUESTION = """
    SELECT current_setting('server_version'), system_identifier::text, pg_current_wal_lsn()::text,
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
           (SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_')
    FROM pg_control_system()"""
_ARCHIVER = """
    SELECT substring(last_archived_wal FROM '^[0-9A-F]{24}$'),
           CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END
    FROM pg_stat_archiver"""


@dataclass(frozen=True)
class Server:
    """A server that takes writes, as it is just now.

    :param roles: the names of its own, without those that every server has.
    """

    version: str
    system_identifier: str
    wal_lsn: str
    timeline: int
    roles: tuple[str, ...]


def ask(connection: psycopg.Connection[Any]) -> Server:
    """What the server says of itself.

    :raises psycopg.Error: when it cannot be asked; a standby cannot.
    """
    row = connection.execute(_QUESTION).fetchone()
    if row is None:
        raise psycopg.DataError("the server says nothing of itself")
    *figures, roles = row
    return Server(*figures, roles=tuple(roles))


@dataclass(frozen=True)
class Archiver:
    """How the archive command has fared.

    :ivar archived: the segment that it has last said yes to; None when it was none, or is not known.
    :ivar failing: what it could not archive when it was last asked; None when it could.
    """

    archived: str | None
    failing: str | None


def ask_archiver(dsn: str) -> Archiver:
    """What the server knows of its archive.

    :raises psycopg.Error: when the server cannot be asked.
    """
    with contents.connect(dsn) as connection:
        row = connection.execute(_ARCHIVER).fetchone()
    if row is None:
        raise psycopg.DataError("the server says nothing of its archive")
    return Archiver(*row)
