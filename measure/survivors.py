"""What has survived: every row that the load can have written, read back after recovery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from measure.baseline import Baseline, connect, exists
from measure.jsonl import LineWriter

_QUERIES = {
    "sales": (
        "SELECT client_id, product_id || 'x' || quantity FROM sales"
        " WHERE id > coalesce(%s::bigint, 0) OR client_id = ANY(%s) ORDER BY id"
    ),
    "dr_ledger.entries": (
        "SELECT id, value FROM dr_ledger.entries"
        " WHERE written_at > coalesce(%s::timestamptz, '-infinity') OR id = ANY(%s) ORDER BY written_at"
    ),
}


def read(dsn: str, before: Baseline, path: Path, earlier: Sequence[str] = ()) -> int:
    """Write every row beyond the baseline to ``path`` as ``{"id": …, "value": …}``, from one snapshot.

    :param earlier: the ids of rows that are wanted as well, though they belong to the baseline.

    The value is made from the row as it is now. A row that nobody of ours has written is there as well: the
    ledger checker calls it a phantom.

    :returns: how many there are.
    :raises psycopg.Error: when the database cannot be read.
    """
    count = 0
    with connect(dsn) as connection, LineWriter(path) as lines:
        for table, query in _QUERIES.items():
            if exists(connection, table):
                count += _copy(connection, query, before.marker(table), earlier, lines)
    return count


def _copy(
    connection: psycopg.Connection[Any],
    query: str,
    marker: str | None,
    earlier: Sequence[str],
    lines: LineWriter,
) -> int:
    count = 0
    with connection.cursor("survivors") as cursor:
        cursor.itersize = 5000
        cursor.execute(query, (marker, list(earlier)))
        for key, value in cursor:
            lines.write({"id": key, "value": value})
            count += 1
    return count
