"""The next steps of verification, one backup at a time: is it what was written, and is all in it that should be?"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from drbackup import gz
from drbackup.base_files import decrypted, unpacked
from drbackup.findings import Depth, Fault, reaches
from drbackup.manifest import Manifest
from drbackup.programs import last_words
from drbackup.seal import sha256

TOOL_TIMEOUT_S = 4 * 3600  # as long as making one may take


def check_contents(
    path: Path, manifest: Manifest, depth: Depth, identity: Path | None, scratch: Path
) -> Depth:
    """Look at a backup as deep as ``depth``, at most its contents.

    :param identity: age's private key; an encrypted backup is looked at no deeper than its checksum without.
    :param scratch: where a base may be unpacked.
    :returns: how deep it was looked at.
    :raises Fault: the first that is found.
    """
    if not reaches(depth, "checksum"):
        return "present"
    if manifest.encrypted and manifest.kind != "base":
        _compare_hash("it", sha256(path), manifest.sha256)
        if identity is None:
            return "checksum"
    check: Callable[[Path, Manifest, bool, Path | None, Path], None] = {
        "dump": _dump,
        "base": _base,
        "redis": _redis,
        "config": _config,
    }[manifest.kind]
    deeper = reaches(depth, "contents") and (identity is not None or not manifest.encrypted)
    check(path, manifest, deeper, identity if manifest.encrypted else None, scratch)
    return "contents" if deeper else "checksum"


def compare_tables(manifest: Manifest, found: dict[str, int | None]) -> None:
    """Is every table of the manifest there, with as many rows?

    :raises Fault: ``wrong-database``, ``missing-table`` or ``rows``.
    """
    if not manifest.tables:
        raise Fault("missing-table", "its manifest names no table: it was made of an empty database")
    gone = sorted(manifest.tables.keys() - found.keys())
    if gone and found and len(gone) == len(manifest.tables):
        raise Fault(
            "wrong-database",
            f"it holds none of the manifest's {len(gone)} table(s), but {_some(sorted(found))}",
        )
    if gone:
        raise Fault(
            "missing-table", f"{_some(gone)} of the manifest's {len(manifest.tables)} table(s) not in it"
        )
    for name, table in sorted(manifest.tables.items()):
        rows = found[name] or 0
        if rows != table.rows:
            raise Fault("rows", f"{name} has {rows} rows, and {table.rows} in the manifest")


def _dump(path: Path, manifest: Manifest, deeper: bool, identity: Path | None, _scratch: Path) -> None:
    with plain(path, identity) as file:
        found = gz.scan_stream(file, contents=deeper)
    check_dump(found, manifest)
    if found.contents is not None:
        compare_tables(manifest, found.contents.tables)


def check_dump(found: gz.DumpScan, manifest: Manifest) -> None:
    """Is it the dump of the manifest, whole?

    :param found: by one pass over it; decrypted, if it was encrypted.
    :raises Fault: ``checksum``, ``gzip`` or ``incomplete``.
    """
    if not manifest.encrypted and found.sha256 != manifest.sha256:
        why = f"; the dump {found.gzip_fault}" if found.gzip_fault else ""
        raise Fault("checksum", f"its SHA-256 is not the manifest's{why}")
    if found.gzip_fault:
        raise Fault("gzip", f"the dump {found.gzip_fault}")
    if not found.complete:
        raise Fault(
            "incomplete",
            f"the {found.raw_size} bytes that it inflates to do not end as pg_dump ends a dump",
        )


def _base(path: Path, manifest: Manifest, deeper: bool, identity: Path | None, scratch: Path) -> None:
    own = path / "backup_manifest"
    if not own.is_file():
        raise Fault("base-manifest", "PostgreSQL's backup_manifest is not in it")
    if sha256(own) != manifest.sha256:
        raise Fault("base-manifest", "PostgreSQL's backup_manifest is not the one that was written")
    for name, file in (manifest.files or {}).items():
        _compare_hash(f"its {name}", sha256(path / name), file.sha256)
    if deeper and shutil.which("pg_verifybackup"):
        with unpacked(path, scratch, identity) as folder:
            done = _run(["pg_verifybackup", "--quiet", "--exit-on-error", str(folder)])
        if done.returncode:
            raise Fault("base-manifest", f"pg_verifybackup: {last_words(done.stderr)}")
    elif deeper and not manifest.encrypted:
        with (path / "base.tar").open("rb") as archive:
            _list(archive, "r|")


def _redis(path: Path, manifest: Manifest, deeper: bool, identity: Path | None, scratch: Path) -> None:
    if identity is None:
        _compare_hash("it", sha256(path), manifest.sha256)
    with plain(path, identity) as file:
        if file.read(5) != b"REDIS":
            raise Fault("rdb", "it does not begin as an RDB")
    if deeper and shutil.which("redis-check-rdb"):
        with (
            plain(path, identity) as file,
            tempfile.NamedTemporaryFile(prefix="drbackup-", dir=scratch) as copy,
        ):
            shutil.copyfileobj(file, copy)
            copy.flush()
            done = _run(["redis-check-rdb", copy.name])
        if done.returncode:
            raise Fault("rdb", f"redis-check-rdb: {last_words(done.stdout or done.stderr)}")


def _config(path: Path, manifest: Manifest, deeper: bool, identity: Path | None, _scratch: Path) -> None:
    with plain(path, identity) as file:
        found = gz.scan_stream(file, contents=False)
    if identity is None and found.sha256 != manifest.sha256:
        raise Fault("checksum", "its SHA-256 is not the manifest's")
    if found.gzip_fault:
        raise Fault("gzip", f"the archive {found.gzip_fault}")
    if deeper:
        with plain(path, identity) as file:
            _list(file, "r|gz")


def _list(source: IO[bytes], mode: Literal["r|", "r|gz"]) -> None:
    """Read a tar's table of contents; ``tar -t``."""
    files = 0
    try:
        with tarfile.open(fileobj=source, mode=mode) as archive:
            files = sum(member.isfile() for member in archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Fault("tar", f"its archive cannot be listed: {error}") from error
    if not files:
        raise Fault("tar", "its archive holds no file")


@contextmanager
def plain(path: Path, identity: Path | None) -> Iterator[IO[bytes]]:
    """The file as it is, or decrypted.

    :raises Bad: when it cannot be decrypted.
    """
    if identity is None:
        with path.open("rb") as file:
            yield file
    else:
        with decrypted(path, identity) as pipe:
            yield pipe


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False)


def _compare_hash(what: str, there: str, said: str) -> None:
    if there != said:
        raise Fault("checksum", f"{what} does not have the SHA-256 of the manifest")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
