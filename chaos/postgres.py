"""PostgreSQL as faults and audit ask it: by psql in its own container, which needs no password and no port."""

from __future__ import annotations

from psycopg.sql import Identifier

from chaos.marks import SESSION_PREFIX
from stack.stack import Stack

DATABASE = "minimarket"
USER = "postgres"
TIMEOUT_S = 5.0
# No session of a fault: the audit must not find itself, or another that looks.
_LOOK = "dr-drill-look"
# What a server says when it has no connection left: for nobody, or for nobody but those it keeps some for.
_FULL = ("too many clients already", "connection slots are reserved")


class PostgresError(Exception):
    """The server could not be asked, or refused; carries what psql said."""


class TooManyConnections(PostgresError):
    """The server has no connection left for the user that asks (SQLSTATE 53300)."""


def query(
    stack: Stack, service: str, sql: str, database: str = DATABASE, timeout_s: float = TIMEOUT_S
) -> list[list[str]]:
    """What ``sql`` returns, as rows of texts; an empty text is NULL as well. Bounded by ``timeout_s`` seconds.

    Several statements are one transaction, which is committed when none of them fails.

    :raises PostgresError: when it cannot be asked, as while it starts, or refuses.
    :raises LookupError: when it has no container.
    """
    argv = [*psql(conninfo(_LOOK, database)), "-A", "-t", "-F", "\t", "-c", sql]
    found = stack.exec(service, argv, timeout_s)
    if found.exit_code == 0:
        return [line.split("\t") for line in found.output.splitlines()]
    said = found.output.strip() or f"psql gave exit status {found.exit_code}"
    kind = TooManyConnections if any(sign in said for sign in _FULL) else PostgresError
    raise kind(said)


def psql(connection: str) -> list[str]:
    """The start of a psql command that ends at the first error and says only what is asked for."""
    return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection]


def conninfo(application_name: str, database: str = DATABASE) -> str:
    """How a session that is named ``application_name`` connects: its server is not to end it for idling."""
    timeouts = (
        "statement_timeout",
        "lock_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
    )
    options = " ".join(f"-c {name}=0" for name in timeouts)
    return (
        f"user={USER} dbname={database} application_name={application_name} connect_timeout=3 "
        f"options='{options} -c client_min_messages=error'"
    )


def quoted(table: str) -> str:
    """The name of a table, with or without its schema, as SQL has it."""
    return Identifier(*table.split(".")).as_string(None)


def fault_sessions(stack: Stack, service: str, mark: str = SESSION_PREFIX) -> int:
    """How many sessions are open whose application name begins with ``mark``; the one that asks is not counted.

    :raises PostgresError: when the server cannot be asked.
    """
    [[count]] = query(
        stack, service, f"SELECT count(*) FROM pg_stat_activity WHERE {_named(mark)}", "postgres"
    )
    return int(count)


def end_sessions(stack: Stack, service: str, mark: str) -> None:
    """End those sessions, whatever they are waiting for.

    :raises PostgresError: when the server cannot be asked.
    """
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_named(mark)}"
    query(stack, service, ended, "postgres")


def _named(mark: str) -> str:
    return f"starts_with(application_name, '{mark}') AND pid <> pg_backend_pid()"
