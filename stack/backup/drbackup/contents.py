"""What is in a database: the same rows, defined in the same way, give the same figures on every server."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from drbackup.manifest import NextValue, Table
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
# Tables, views, indexes, sequences: what a dump has of the kind. Nobody's schema but the server's begins with pg_.
_RELATIONS = """
    WITH relations AS (
        SELECT c.oid, n.nspname, c.relname, n.nspname || '.' || c.relname AS name, c.relkind
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))"""
_ORDINARY = f"{_RELATIONS} SELECT oid, nspname, relname FROM relations WHERE relkind = 'r' ORDER BY 2, 3"
# What a dump leaves out is left out here: invalid indexes, triggers that stand for a foreign key, and the foreign keys
# that a partition has from its parent, which the server gives names of its own.
_DEFINED = f"""{_RELATIONS}
    SELECT 'column', r.name || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'index', x.name, pg_get_indexdef(x.oid)
    FROM pg_index i JOIN relations x ON x.oid = i.indexrelid JOIN relations r ON r.oid = i.indrelid
    WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')
    UNION ALL
    SELECT 'constraint', r.name || '.' || k.conname, pg_get_constraintdef(k.oid)
    FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
    WHERE k.contype <> 'f' OR k.conparentid = 0
    UNION ALL
    SELECT 'trigger', r.name || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'view', name, pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT 'sequence', r.name, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
        s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
    FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"""
# Of one that begins again at its end, no value is behind another.
_SEQUENCES = f"""{_RELATIONS}
    SELECT r.nspname, r.relname, s.seqincrement
    FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid
    WHERE NOT s.seqcycle ORDER BY 1, 2"""
# A server that reads its own words does not write them again to the letter: of state IN ('new', 'paid'), where state is
# a varchar, it first casts the list, and once that is restored, each of its items.
_CASTS_AND_PARENTHESES = re.compile(
    r"""::(?:\w+|"[^"]+")(?:\.(?:\w+|"[^"]+"))?(?:\ varying|\ precision)?(?:\(\d+(?:,\d+)?\))?
    (?:\ with(?:out)?\ time\ zone)?(?:\[\])*|[()]""",
    re.VERBOSE,
)


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


def definitions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """A hash of how each thing beside the rows is defined, by what it is and its name.

    They are looked up in the connection's present snapshot. Once the tables were read, none can change that would have
    to lock one against readers. Of extensions' own nothing is said.

    :raises psycopg.Error: when they cannot be read.
    """
    return {
        f"{what} {name}": _definition_hash(definition)
        for what, name, definition in sorted(connection.execute(_DEFINED).fetchall())
    }


def sequences(connection: psycopg.Connection[Any]) -> dict[str, NextValue]:
    """What each sequence would give next, just now: no snapshot holds a sequence still.

    :raises psycopg.Error: when one cannot be read.
    """
    found = {}
    for schema, name, step in connection.execute(_SEQUENCES).fetchall():
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        value, given = connection.execute(query).fetchone() or (0, False)
        # Added here: at its end, the server's bigint has no room for the next.
        found[f"{schema}.{name}"] = NextValue(value + step if given else value, step)
    return found


def _definition_hash(definition: str | None) -> str:
    """SHA-256 of a definition, but for casts and parentheses; None: it has none that the server tells."""
    return hashlib.sha256(_CASTS_AND_PARENTHESES.sub("", definition or "").encode()).hexdigest()


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
