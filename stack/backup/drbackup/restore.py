"""``drbackup restore``: a dump into a database, all of it or nothing.

The DRP's ``gunzip -c | psql`` goes on after an error and says that it succeeded; and where the dump was cut off, what
came before is kept. Here the first error ends it; and psql is given the COMMIT only when the dump was whole, had the
SHA-256 of its manifest and ended as pg_dump ends a dump. An input that ends without it, as when this process is killed,
is rolled back; ``--single-transaction`` would commit it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import conninfo, sql

from drbackup import gz
from drbackup.contents import connect
from drbackup.errors import Bad, Cannot
from drbackup.findings import Fault
from drbackup.layout import manifest_path
from drbackup.manifest import Manifest, ManifestError, read
from drbackup.report import as_json, say, size
from drbackup.settings import Settings
from drbackup.verify_contents import check_dump, plain

FORMAT = "dr-restore/1"
# Where the server compresses pages in its log with pglz, and lets us choose: every page of a new index is logged, and
# building one of 6.5 million texts took 10.1 s with pglz, 5.9 s with lz4.
COMPRESS_CHEAPLY = """
    SELECT set_config('wal_compression', 'lz4', false) FROM pg_settings
    WHERE name = 'wal_compression' AND setting = 'pglz' AND 'lz4' = ANY (enumvals)
    AND current_setting('is_superuser')::bool"""
END_TIMEOUT_S = 3600  # seconds for psql to end, from the end of its input or its first error on


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--dump", type=Path, required=True, help="the dump, with its manifest beside it")
    parser.add_argument(
        "--into", required=True, metavar="DATABASE", help="made when it is not there; must be empty"
    )
    parser.add_argument(
        "--server", default="", metavar="DSN", help="the server, as host=… port=… (default: PGHOST)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Restore; 0 when all is in.

    :raises Bad: when the dump is; nothing was changed then.
    :raises Cannot: when there is no such dump, no server, or something in the database.
    """
    try:
        manifest = read(manifest_path(options.dump))
    except ManifestError as error:
        raise Cannot(f"{options.dump} is no backup: {error}") from error
    server = options.server or conninfo.make_conninfo(host=settings.host, password=settings.password or None)
    server = conninfo.make_conninfo(
        server, user=conninfo.conninfo_to_dict(server).get("user") or settings.user
    )
    with new_database(server, options.into) as dsn:
        say(f"restoring {options.dump.name} ({size(manifest.bytes)}) into {options.into}")
        try:
            found = restore_dump(options.dump, manifest, dsn, settings.age_identity)
        except Fault as fault:
            raise Bad(f"nothing was restored: {fault.name}: {fault.sentence}") from fault
    if options.json:
        as_json(
            {"format": FORMAT, "dump": options.dump.name, "database": options.into, "bytes": found.raw_size}
        )
    say(f"restored: {size(found.raw_size)} of SQL")
    return 0


@contextmanager
def new_database(server: str, name: str) -> Iterator[str]:
    """An empty database's connection string; when it was made for this and something fails, it is dropped again.

    :raises Cannot: when the server cannot be reached, or the database holds a table.
    """
    dsn = conninfo.make_conninfo(server, dbname=name)
    made = _make_or_find_empty(server, name, dsn)
    try:
        yield dsn
    except BaseException:
        if made:
            with _maintenance(server) as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
        raise


def _make_or_find_empty(server: str, name: str, dsn: str) -> bool:
    """Whether the database had to be made."""
    try:
        with _maintenance(server) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
                connection.execute(create)
                return True
        with connect(dsn) as connection:
            if connection.execute("SELECT 1 FROM pg_stat_user_tables LIMIT 1").fetchone():
                raise Cannot(f"the database {name} holds tables: nothing is restored over data")
    except psycopg.Error as error:
        raise Cannot(f"the server does not do it: {error}") from error
    return False


def _maintenance(server: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        conninfo.make_conninfo(server, dbname="postgres"), autocommit=True, connect_timeout=10
    )


def restore_dump(dump: Path, manifest: Manifest, dsn: str, identity: Path | None = None) -> gz.DumpScan:
    """Restore a dump in one transaction, and check it while it is read.

    :param dsn: of an empty database.
    :raises Fault: ``restore`` with psql's first error, or as :func:`check_dump`; nothing was changed then.
    :raises Cannot: when it is encrypted, and there is no key.
    """
    if manifest.encrypted and identity is None:
        raise Cannot(f"{dump.name} is encrypted, and DRBACKUP_AGE_IDENTITY_FILE names no key")
    command = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "-v",
        "ON_ERROR_STOP=1",
        f"--dbname={dsn}",
        "--output=/dev/null",
        f"--command={COMPRESS_CHEAPLY}",
        "--command=BEGIN",
        "--file=-",
    ]
    with tempfile.TemporaryFile() as said, plain(dump, identity if manifest.encrypted else None) as file:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PGAPPNAME": "drbackup restore"},
        ) as psql:
            try:
                found = _feed(psql, file, manifest)
                status = psql.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                psql.kill()
                # Not in its own words: its command line has the password in it.
                raise Cannot(f"psql did not end within {END_TIMEOUT_S} s, and was killed") from None
            except BaseException:
                psql.kill()
                raise
        if status or found is None:
            said.seek(0)
            raise Fault("restore", f"psql: {_first_error(said.read().decode('utf-8', 'replace'))}")
    return found


def _feed(psql: subprocess.Popen[bytes], file: IO[bytes], manifest: Manifest) -> gz.DumpScan | None:
    """Give psql the dump, and the COMMIT when that was whole; None when it ended before.

    :raises Fault: as :func:`check_dump`.
    """
    if psql.stdin is None:
        raise RuntimeError("no pipe to psql")
    try:
        found = gz.scan_stream(file, contents=False, sink=psql.stdin.write)
        psql.stdin.flush()
        check_dump(found, manifest)
        psql.stdin.write(b"COMMIT;\n")
        psql.stdin.close()
    except BrokenPipeError:
        # What could not be written is tried once more when the pipe is closed.
        with suppress(BrokenPipeError):
            psql.stdin.close()
        return None
    return found


def _first_error(said: str) -> str:
    lines = [
        line.strip() for line in said.splitlines() if "ERROR" in line or "FATAL" in line or "error:" in line
    ]
    return (lines or said.strip().splitlines() or ["it failed without a word"])[0]
