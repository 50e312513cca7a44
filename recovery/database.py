"""One question to the database, past the proxy: what a recovered service is compared with."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from stack.stack import Stack


def ask_database(stack: Stack, query: LiteralString) -> tuple[Any, ...]:
    """The first row that ``query`` gives.

    :raises psycopg.Error: when the database does not answer, or has no such row.
    """
    try:
        dsn = stack.dsn()
    except LookupError as error:
        raise psycopg.OperationalError(str(error)) from error
    with psycopg.connect(dsn, application_name="dr-drill") as connection:
        row = connection.execute(query).fetchone()
    if row is None:
        raise psycopg.DataError(f"the database has no row for: {query}")
    return row
