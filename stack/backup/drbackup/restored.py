"""What was restored, compared with the manifest: tables, rows, content; and the structure of tables and indexes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psycopg import sql

from drbackup import contents
from drbackup.findings import Fault
from drbackup.manifest import Manifest, Table
from drbackup.restore import new_database, restore_dump
from drbackup.scratch import Server, check_structure
from drbackup.verify_contents import compare_tables


def try_dump(dump: Path, manifest: Manifest, server: Server, identity: Path | None) -> dict[str, Table]:
    """Restore a dump into a scratch server, and compare.

    :returns: the tables that were restored.
    :raises Fault: the first that is found.
    """
    name = manifest.database or "restored"
    _make_roles(server.dsn(), manifest.roles or ())
    with new_database(server.dsn(), name) as dsn:
        restore_dump(dump, manifest, dsn, identity)
        with contents.connect(dsn) as connection:
            found = contents.tables(connection)
    compare(manifest, found)
    if complaint := check_structure(server, [name]):
        raise Fault("amcheck", f"pg_amcheck: {complaint}")
    return found


def _make_roles(dsn: str, names: Sequence[str]) -> None:
    """Have whom a dump names as an owner, so that it can be restored; nobody may log in as one."""
    with contents.connect(dsn) as connection:
        there = {name for (name,) in connection.execute("SELECT rolname::text FROM pg_roles")}
        for name in names:
            if name not in there:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
        connection.commit()


def compare(manifest: Manifest, found: dict[str, Table]) -> None:
    """Is what was restored what was dumped?

    :raises Fault: as :func:`compare_tables`; ``content`` or ``extra-table``.
    """
    compare_tables(manifest, {name: table.rows for name, table in found.items()})
    expected = manifest.tables or {}
    for name, table in sorted(expected.items()):
        if found[name].hash != table.hash:
            raise Fault("content", f"the {table.rows} rows of {name} are not those that were dumped")
    if extra := sorted(found.keys() - expected.keys()):
        raise Fault("extra-table", f"{extra[0]} was restored, and the manifest does not name it")
