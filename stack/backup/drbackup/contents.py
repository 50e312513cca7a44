"""What is in a database, table by table: the same rows give the same figures on every server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from drbackup.manifest import Table
from drbackup.programs import CONNECT_TIMEOUT_S
from drbackup.settings import Settings

# How values are written as text, and so their hash, must not hang on a server's or a role's settings.
_OPTIONS = (
    "-c timezone=UTC -c datestyle=ISO,MDY -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex"
    " -c lc_monetary=C -c search_path=pg_catalog -c statement_timeout=0 -c lock_timeout=60s"
)
# Their binary form says all that their text does, and is hashed three times as fast. The hash of another type may take
# different values for the same (interval, numeric), or hang on the server (enum): such are hashed as text.
_AS_THEY_ARE = frozenset({"int2", "int4", "int8", "bool", "date", "timestamp", "timestamptz", "uuid"})
_COLUMNS = """
    SELECT a.attname, CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_ORDINARY = """
    SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 2, 3"""


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A session that writes every value in one way.

    :param dsn: a connection string; what it leaves out is taken from libpq's variables.
    :raises psycopg.Error: when the database cannot be reached.
    """
    return psycopg.connect(
        dsn, options=_OPTIONS, connect_timeout=CONNECT_TIMEOUT_S, application_name="drbackup"
    )


def dsn_of(settings: Settings, database: str = "") -> str:
    """The connection string of the database to back up, or of another one beside it."""
    return psycopg.conninfo.make_conninfo(
        host=settings.host,
        user=settings.user,
        password=settings.password or None,
        dbname=database or settings.database,
    )


def tables(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Rows and content hash of every ordinary table, in the connection's present snapshot.

    Of extensions' own tables nothing is said: a dump leaves them to ``CREATE EXTENSION``. The hash does not depend on
    the order of the rows.

    :raises psycopg.Error: when a table cannot be read, as when its pages are damaged.
    """
    found = {}
    for oid, schema, table in connection.execute(_ORDINARY).fetchall():
        query = sql.SQL("SELECT count(*), coalesce(sum({}), 0)::text FROM {}").format(
            _row_hash(connection.execute(_COLUMNS, [oid]).fetchall()), sql.Identifier(schema, table)
        )
        rows, content = connection.execute(query).fetchone() or (0, "0")
        found[f"{schema}.{table}"] = Table(rows, content)
    return found


def _row_hash(columns: Sequence[tuple[str, str]]) -> sql.Composable:
    """An expression for the hash of one row.

    :param columns: their names and types.
    """
    if not columns:
        return sql.SQL("0")
    values = [
        sql.Identifier(name)
        if type_ in _AS_THEY_ARE
        else sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(name))
        for name, type_ in columns
    ]
    return sql.SQL("hash_record_extended(ROW({}), 0)").format(sql.SQL(", ").join(values))
