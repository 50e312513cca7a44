"""Where backups lie, what they are called, and how one comes to be there: whole or not at all.

::

    postgresql/minimarket_20261124_020000.sql.gz    plain SQL, gzip; the DRP's name. ".age" after it: encrypted
    base/base_20261124_020003/                      base.tar, pg_wal.tar, backup_manifest: pg_basebackup -Ft
    redis/dump_1795485600.rdb
    config/config_1795485600.tar.gz
    <each of them>.json                             its manifest, which is published last

A base is kept as tar: three files go over SFTP in a fraction of the time of a thousand, and unpack as fast as they are
copied. The same tree is in the vault, under another root. Names are in UTC.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drbackup.manifest import KINDS, Kind, Manifest, ManifestError, read

PARTIAL = ".partial."
AGE = ".age"
FOLDERS: dict[Kind, str] = {"dump": "postgresql", "base": "base", "redis": "redis", "config": "config"}
_STAMP = "%Y%m%d_%H%M%S"
_NAMES: dict[Kind, re.Pattern[str]] = {
    "dump": re.compile(r"[A-Za-z0-9_-]+_(?P<stamp>\d{8}_\d{6})\.sql\.gz(\.age)?"),
    "base": re.compile(r"base_(?P<stamp>\d{8}_\d{6})"),
    "redis": re.compile(r"dump_(?P<unix>\d{9,11})\.rdb(\.age)?"),
    "config": re.compile(r"config_(?P<unix>\d{9,11})\.tar\.gz(\.age)?"),
}


@dataclass(frozen=True)
class Backup:
    """What lies under a backup's name: a backup when ``manifest`` is there, else ``problem`` says why not."""

    kind: Kind
    path: Path
    named: datetime
    manifest: Manifest | None = None
    problem: str = ""

    @property
    def manifest_path(self) -> Path:
        """Where its manifest lies, or would."""
        return manifest_path(self.path)


def manifest_path(path: Path) -> Path:
    """Where the manifest of the backup in ``path`` lies."""
    return path.with_name(f"{path.name}.json")


def folder(root: Path, kind: Kind) -> Path:
    """The folder of the backups of a kind."""
    return root / FOLDERS[kind]


def name(kind: Kind, when: datetime, database: str = "minimarket") -> str:
    """What a backup of that time is called."""
    stamp, unix = when.astimezone(UTC).strftime(_STAMP), int(when.timestamp())
    names: dict[Kind, str] = {
        "dump": f"{database}_{stamp}.sql.gz",
        "base": f"base_{stamp}",
        "redis": f"dump_{unix}.rdb",
        "config": f"config_{unix}.tar.gz",
    }
    return names[kind]


def named(kind: Kind, file: str) -> datetime | None:
    """The time in a backup's name; None: no backup of that kind is called so."""
    found = _NAMES[kind].fullmatch(file)
    if not found:
        return None
    groups = found.groupdict()
    try:
        if "unix" in groups:
            return datetime.fromtimestamp(int(groups["unix"]), UTC)
        return datetime.strptime(groups["stamp"], _STAMP).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def listing(root: Path, kind: Kind) -> list[Backup]:
    """All that is called like a backup of a kind, or has the manifest of one, oldest first; hidden files are not."""
    try:
        there = {path.name: path for path in folder(root, kind).iterdir()}
    except FileNotFoundError:
        return []
    files = {file.removesuffix(".json") for file in there}
    found = [_backup(kind, folder(root, kind) / file, file in there) for file in files]
    return sorted((each for each in found if each), key=lambda each: (each.named, each.path.name))


def everything(root: Path) -> list[Backup]:
    """The backups of every kind, each oldest first."""
    return [backup for kind in KINDS for backup in listing(root, kind)]


def newest(root: Path, kind: Kind) -> Backup | None:
    """The newest backup of a kind that has a manifest, good or not; None: there is none."""
    return next((each for each in reversed(listing(root, kind)) if each.manifest), None)


def _backup(kind: Kind, path: Path, is_there: bool) -> Backup | None:
    when = named(kind, path.name)
    if when is None:
        return None
    if not is_there:
        return Backup(kind, path, when, problem=f"{path.name} is gone, and its manifest is still there")
    if not manifest_path(path).exists():
        return Backup(kind, path, when, problem=f"{path.name} has no manifest: it was not finished")
    try:
        manifest = read(manifest_path(path))
    except ManifestError as error:
        return Backup(kind, path, when, problem=str(error))
    if (manifest.kind, manifest.file) != (kind, path.name):
        return Backup(kind, path, when, problem=f"the manifest beside {path.name} is of {manifest.file}")
    return Backup(kind, path, when, manifest)


@contextmanager
def partial(root: Path, kind: Kind) -> Iterator[Path]:
    """A folder of its own, under a hidden name, for a backup in the making; gone afterwards, whatever happened.

    What a killed run left there goes first: to be called with the lock held.
    """
    home = folder(root, kind)
    home.mkdir(parents=True, exist_ok=True)
    remove_partials(home)
    path = home / f"{PARTIAL}{os.getpid()}"
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_partials(home: Path) -> None:
    """Remove what a killed run has left in a kind's folder."""
    for left in home.glob(f"{PARTIAL}*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def publish(made: Path, manifest: Manifest, root: Path) -> Path:
    """Give what was made its name, then its manifest: each synced before, and its folder after.

    :param made: a file or folder in :func:`partial`'s folder.
    :returns: where it is now.
    :raises OSError: as when the disk is full; what has its name then has no manifest, and is no backup.
    """
    home = folder(root, manifest.kind)
    target = home / manifest.file
    for path in sorted(made.rglob("*")) if made.is_dir() else []:
        sync(path)
    sync(made)
    beside = made.with_name("manifest.json")
    beside.write_text(manifest.to_json(), encoding="utf-8")
    sync(beside)
    made.rename(target)
    sync(home)
    beside.rename(manifest_path(target))
    sync(home)
    return target


def sync(path: Path) -> None:
    """Have a file, or a folder's entries, on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
