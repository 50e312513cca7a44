"""What was restored, compared with the manifest: tables, rows, content, what is defined beside them, sequences; and the
structure of tables and indexes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import sql

from drbackup import contents
from drbackup.findings import Fault
from drbackup.manifest import Manifest, NextValue, Table
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
            definitions = contents.definitions(connection)
            sequences = contents.sequences(connection)
            major = str(connection.info.server_version // 10000)
    compare(manifest, found)
    compare_definitions(manifest, definitions, major)
    compare_sequences(manifest, sequences)
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


def compare_definitions(manifest: Manifest, found: Mapping[str, str], major: str) -> None:
    """Is all that was defined beside the rows there, and defined as it was? Nothing is said where none was noted.

    :param major: version of the server that holds what was found. Another than the manifest's may define the same in
        other words, and more of it: only what is missing counts there.
    :raises Fault: ``definition``.
    """
    if manifest.definitions is None:
        return
    expected = manifest.definitions
    wrong = [f"the {name} is missing" for name in sorted(expected.keys() - found.keys())]
    if (manifest.server_version or "").split(".")[0] == major:
        both = sorted(expected.keys() & found.keys())
        wrong += [f"the {name} differs" for name in both if found[name] != expected[name]]
        wrong += [f"the {name} is not in the manifest" for name in sorted(found.keys() - expected.keys())]
    if wrong:
        raise Fault("definition", _some(wrong))


def compare_sequences(manifest: Manifest, found: Mapping[str, NextValue]) -> None:
    """Is no sequence behind where it was when the dump began? It may be ahead: others went on drawing from it.

    :raises Fault: ``sequence``.
    """
    behind = [
        f"the sequence {name} would give {found[name].value} next, and {then.value} when it was dumped"
        for name, then in sorted((manifest.sequences or {}).items())
        if name in found and _behind(found[name].value, then)
    ]
    if behind:
        raise Fault("sequence", _some(behind))


def _behind(value: int, then: NextValue) -> bool:
    return value < then.value if then.step > 0 else value > then.value


def _some(sentences: Sequence[str], shown: int = 3) -> str:
    more = f", and {len(sentences) - shown} more" if len(sentences) > shown else ""
    return ", ".join(sentences[:shown]) + more
