"""The physical base backup that WAL is replayed on: without one there is no recovery to a point in time."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from drbackup import contents, layout, report
from drbackup.base_files import unpacked
from drbackup.errors import Bad, Cannot
from drbackup.lock import only_run
from drbackup.manifest import File, Manifest
from drbackup.programs import last_words, libpq
from drbackup.programs import run as run_program
from drbackup.seal import sealed, sha256
from drbackup.server import ask
from drbackup.settings import Settings
from drbackup.status import remembered

BACKUP_MANIFEST = "backup_manifest"
_TARS = ("base.tar", "pg_wal.tar")
_TIMEOUT_S = 4 * 3600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup base``."""
    with only_run(settings.root), remembered(settings.state, "base"):
        make(settings)
    return 0


def make(settings: Settings) -> Manifest:
    """Make a base backup, check it and publish it; with the lock held.

    :raises Cannot: when there is no good one; nothing is left then.
    """
    started = datetime.now(UTC)
    try:
        with layout.partial(settings.root, "base") as place:
            with contents.connect(contents.dsn_of(settings)) as connection:
                server = ask(connection)
            made = place / "base"
            _take(settings, made)
            _verify(settings, made)
            ranges = _wal_ranges(made / BACKUP_MANIFEST)
            for tar in _TARS:
                sealed(settings, made / tar)
            files = {path.name: File(path.stat().st_size, sha256(path)) for path in sorted(made.iterdir())}
            manifest = Manifest(
                kind="base",
                file=layout.name("base", started),
                bytes=sum(file.bytes for file in files.values()),
                sha256=files[BACKUP_MANIFEST].sha256,
                started_utc=started,
                finished_utc=datetime.now(UTC),
                server_version=server.version,
                database=settings.database,
                system_identifier=server.system_identifier,
                wal_lsn=ranges["Start-LSN"],
                wal_end_lsn=ranges["End-LSN"],
                timeline=ranges["Timeline"],
                files=files,
                encrypted=bool(settings.age_recipient),
            )
            layout.publish(made, manifest, settings.root)
    except psycopg.Error as error:
        raise Cannot(f"no base backup: {last_words(str(error))}") from error
    except OSError as error:
        raise Cannot(f"no base backup: {error}") from error
    span = f"WAL {manifest.wal_lsn} to {manifest.wal_end_lsn}"
    report.say(f"base {manifest.file}, {report.size(manifest.bytes)}, {span}, verified")
    return manifest


def _take(settings: Settings, target: Path) -> None:
    # Not synced here: publishing does that. SHA-256, so that whoever has only the tar and Python can check it.
    argv = ["pg_basebackup", "--no-password", f"--pgdata={target}", "--format=tar", "--wal-method=stream"]
    argv += ["--checkpoint=fast", "--manifest-checksums=SHA256", "--no-sync"]
    run_program(argv, timeout_s=_TIMEOUT_S, environment=libpq(settings))
    extra = {path.name for path in target.iterdir()} - {*_TARS, BACKUP_MANIFEST}
    if extra:
        raise Cannot(
            f"no base backup: tablespaces of their own are not supported ({', '.join(sorted(extra))})"
        )


def _verify(settings: Settings, made: Path) -> None:
    """Unpack it elsewhere and have PostgreSQL's own tool check each file and the WAL (it reads no tar before 18)."""
    try:
        with unpacked(made, settings.scratch, None) as folder:
            argv = ["pg_verifybackup", "--exit-on-error", "--quiet", str(folder)]
            run_program(argv, timeout_s=_TIMEOUT_S)
    except Bad as error:
        raise Cannot(f"no base backup: {error}") from error


def _wal_ranges(path: Path) -> dict[str, Any]:
    ranges: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["WAL-Ranges"]
    if len(ranges) != 1:
        raise Cannot("no base backup: the server changed its timeline meanwhile")
    return ranges[0]
