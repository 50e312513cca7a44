"""The daily logical dump (DRP, Backup Strategy 1): plain SQL, gzip, with its content counted in the same snapshot.

What is defined beside the rows is kept too, from the same snapshot. Sequences are in no snapshot: they are read after
it was taken, when they have given out every number that is in it, and before pg_dump reads them. So one that is behind
in the dump would give such a number again.

Unlike the plan's ``pg_dump | gzip``, whose status is gzip's, and whose check is one of a checksum: here pg_dump's own
status counts, and a dump that does not end as pg_dump ends one is none.
"""

from __future__ import annotations

import argparse
import select
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psycopg
from isal import igzip, isal_zlib

from drbackup import contents, layout, report
from drbackup.errors import Cannot
from drbackup.lock import only_run
from drbackup.manifest import Manifest, Table
from drbackup.programs import last_words, libpq
from drbackup.seal import sealed, sha256
from drbackup.server import ask
from drbackup.settings import Settings
from drbackup.status import remembered

END = b"-- PostgreSQL database dump complete"
TAIL = 512  # bytes in which it stands: since 17.6 a "\\unrestrict" line comes after it
_CHUNK = 1 << 20
_GZIP = 31  # zlib's window bits for gzip's format
_LEVEL = 1
# A server that says nothing for so long will say nothing any more. Nothing else bounds a dump: it takes what it takes.
_SILENCE_S = 120.0


@dataclass(frozen=True)
class _Written:
    plain_bytes: int
    tail: bytes


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup dump``."""
    with only_run(settings.root), remembered(settings.state, "dump"):
        make(settings)
    return 0


def make(settings: Settings) -> Manifest:
    """Make a dump and publish it; with the lock held.

    :raises Cannot: when there is no whole dump; nothing is left then.
    """
    started = datetime.now(UTC)
    try:
        with (
            layout.partial(settings.root, "dump") as place,
            contents.connect(contents.dsn_of(settings)) as connection,
        ):
            # What was acknowledged before this position is in the snapshot, which is taken after it.
            server = ask(connection)
            connection.commit()
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            sequences = contents.sequences(connection)
            path = place / "dump.sql.gz"
            with ThreadPoolExecutor(1) as pool:
                writing = pool.submit(_write, settings, str(row[0]), path)
                tables, definitions = _look(connection, writing)
                written = writing.result()
                # Hashing it and reading it back are a core's work each.
                hashing = pool.submit(sha256, path)
                _check(path, written)
                plain = hashing.result()
            kept = sealed(settings, path)
            digest = plain if kept == path else sha256(kept)
            file = layout.name("dump", started, settings.database) + (layout.AGE if kept != path else "")
            manifest = Manifest(
                kind="dump",
                file=file,
                bytes=kept.stat().st_size,
                sha256=digest,
                started_utc=started,
                finished_utc=datetime.now(UTC),
                server_version=server.version,
                database=settings.database,
                system_identifier=server.system_identifier,
                wal_lsn=server.wal_lsn,
                timeline=server.timeline,
                tables=tables,
                definitions=definitions,
                sequences=sequences,
                roles=server.roles,
                encrypted=kept != path,
            )
            layout.publish(kept, manifest, settings.root)
    except psycopg.Error as error:
        raise Cannot(f"no dump: {last_words(str(error))}") from error
    except OSError as error:
        raise Cannot(f"no dump: {error}") from error
    rows = sum(table.rows for table in tables.values())
    report.say(f"dump {manifest.file}, {report.size(manifest.bytes)}, {len(tables)} tables, {rows} rows")
    return manifest


def _look(
    connection: psycopg.Connection[tuple[object, ...]], writing: Future[_Written]
) -> tuple[dict[str, Table], dict[str, str]]:
    """Count and hash while the dump is written; when that has failed already, its reason is the one to tell.

    :returns: the tables, and what is defined beside their rows.
    """
    try:
        return contents.tables(connection), contents.definitions(connection)
    except psycopg.Error:
        writing.result()
        raise


def _write(settings: Settings, snapshot: str, path: Path) -> _Written:
    argv = ["pg_dump", "--no-password", f"--snapshot={snapshot}", "--lock-wait-timeout=60s"]
    with (
        path.open("wb") as target,
        path.with_name("pg_dump.log").open("w+b") as log,
        subprocess.Popen(
            argv, env=libpq(settings), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            written = _compress(process.stdout, target)
            status = process.wait(_SILENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Cannot(f"no dump: pg_dump did not end within {_SILENCE_S:g} s of its last word") from None
        except BaseException:
            process.kill()
            raise
        log.seek(0)
        if status != 0:
            said = last_words(log.read().decode("utf-8", "replace"))
            raise Cannot(f"no dump: pg_dump failed ({status}): {said}")
    return written


def _compress(source: IO[bytes] | None, target: IO[bytes]) -> _Written:
    """Copy, compressed, to the end of ``source``.

    :raises Cannot: when nothing comes for too long.
    :raises OSError: when it cannot be written.
    """
    if source is None:
        raise ValueError("there is nothing to read from")
    compressor = isal_zlib.compressobj(level=_LEVEL, wbits=_GZIP)
    total, tail = 0, b""
    while True:
        if not select.select([source], [], [], _SILENCE_S)[0]:
            raise Cannot(f"no dump: pg_dump gave nothing for {_SILENCE_S:g} s")
        chunk = source.read1(_CHUNK)  # type: ignore[attr-defined]
        if not chunk:
            break
        total += len(chunk)
        tail = (tail + chunk[-TAIL:])[-TAIL:]
        target.write(compressor.compress(chunk))
    target.write(compressor.flush())
    return _Written(total, tail)


def _check(path: Path, written: _Written) -> None:
    """That the file on disk holds what pg_dump has written, to the end."""
    if END not in written.tail:
        raise Cannot("no dump: what pg_dump wrote does not end as a dump ends")
    total, tail = 0, b""
    with igzip.IGzipFile(path, "rb") as file:  # type: ignore[no-untyped-call]
        while chunk := file.read(_CHUNK):
            total += len(chunk)
            tail = (tail + chunk[-TAIL:])[-TAIL:]
    if (total, tail) != (written.plain_bytes, written.tail):
        raise Cannot("no dump: the file does not hold what was written to it")
