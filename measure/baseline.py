"""The data that was there before the load: is it still there, and unchanged?

Count and content hash of each table are computed by the server, independent of the order of rows, over the
columns that nobody may change and the rows that existed then. Stock legitimately moves with every sale, so it
is judged by its invariant: stock = initial stock − what was sold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class _Table:
    """A table that is compared: the columns nobody may change, and the one that tells old rows from new."""

    schema: str
    name: str
    columns: tuple[str, ...]
    marker: str
    marker_type: str

    @property
    def label(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


_TABLES = (
    _Table("public", "products", ("id", "sku", "name", "price_cents", "initial_stock"), "id", "bigint"),
    _Table(
        "public",
        "sales",
        ("id", "client_id", "product_id", "quantity", "unit_price_cents", "sold_at"),
        "id",
        "bigint",
    ),
    _Table("dr_ledger", "entries", ("id", "value", "written_at"), "written_at", "timestamptz"),
)

_LISTED = 3


@dataclass(frozen=True)
class Content:
    """The rows of one table up to ``marker`` (None: it was empty): how many, and the sum of their hashes."""

    marker: str | None
    count: int
    hash: str


@dataclass(frozen=True)
class Baseline:
    """What was there. A table that did not exist yet counts as empty."""

    tables: Mapping[str, Content]
    broken_stock: list[str] = field(default_factory=list)

    def marker(self, table: str) -> str | None:
        """The newest row of ``table`` that belongs to the baseline; None: it was empty."""
        return self.tables[table].marker


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A session that sees one snapshot, and writes times in the same way everywhere.

    :raises psycopg.Error: when the database cannot be reached.
    """
    options = "-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=repeatable\\ read"
    return psycopg.connect(dsn, connect_timeout=3, options=options, application_name="dr-drill")


def exists(connection: psycopg.Connection[Any], table: str) -> bool:
    """Whether there is a table of that name."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return bool(row and row[0])


def take(dsn: str) -> Baseline:
    """Record what is there; to be called while nobody writes.

    :raises psycopg.Error: when the database cannot be read.
    """
    with connect(dsn) as connection:
        found = {}
        for table in _TABLES:
            marker = _newest(connection, table)
            found[table.label] = _content(connection, table, marker)
        return Baseline(found, _broken_stock(connection))


def compare(before: Baseline, dsn: str) -> list[str]:
    """What differs from ``before``, a sentence each; empty when nothing does.

    :raises psycopg.Error: when the database cannot be read.
    """
    differences = []
    with connect(dsn) as connection:
        for table in _TABLES:
            was = before.tables[table.label]
            now = _content(connection, table, was.marker)
            if now.count != was.count:
                differences.append(
                    f"{table.label} has {now.count} of the {was.count} rows that were there before the load"
                )
            elif now.hash != was.hash:
                differences.append(
                    f"{table.label} has all {was.count} rows from before the load, but their content changed"
                )
        known = set(before.broken_stock)
        broken = [each for each in _broken_stock(connection) if each not in known]
        if broken:
            more = f"; and {len(broken) - _LISTED} more" if len(broken) > _LISTED else ""
            listed = "; ".join(broken[:_LISTED]) + more
            differences.append(f"stock is not initial stock less sales: {listed}")
    return differences


def _newest(connection: psycopg.Connection[Any], table: _Table) -> str | None:
    if not exists(connection, table.label):
        return None
    query = sql.SQL("SELECT max({})::text FROM {}").format(
        sql.Identifier(table.marker), sql.Identifier(table.schema, table.name)
    )
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _content(connection: psycopg.Connection[Any], table: _Table, marker: str | None) -> Content:
    if marker is None or not exists(connection, table.label):
        return Content(marker, 0, "0")
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(hash_record_extended(ROW({}), 0)), 0)::text FROM {} WHERE {} <= %s::{}"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.Identifier(table.schema, table.name),
        sql.Identifier(table.marker),
        sql.SQL(table.marker_type),
    )
    count, hashed = connection.execute(query, (marker,)).fetchone() or (0, "0")
    return Content(marker, count, hashed)


def _broken_stock(connection: psycopg.Connection[Any]) -> list[str]:
    if not exists(connection, "products"):
        return []
    rows = connection.execute(
        "SELECT p.id, p.stock, p.initial_stock - coalesce(s.sold, 0) FROM products p"
        " LEFT JOIN (SELECT product_id, sum(quantity) AS sold FROM sales GROUP BY product_id) s"
        " ON s.product_id = p.id WHERE p.stock <> p.initial_stock - coalesce(s.sold, 0) ORDER BY p.id"
    )
    return [f"product {product} has {stock}, not {right}" for product, stock, right in rows]
