"""What recovery to a point in time hangs on: the log, without a gap, from each base to its end."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from drbackup import contents
from drbackup.findings import Fault
from drbackup.manifest import Manifest
from drbackup.server import Archiver, ask_archiver
from drbackup.settings import Settings
from drbackup.wal import (
    Inventory,
    NoWay,
    Route,
    check_segment,
    find_route,
    left_behind,
    parse_lsn,
    take_stock,
)


@dataclass(frozen=True)
class Log:
    """All the log there is, and what is wrong with single segments of it, by path."""

    inventory: Inventory
    bad: dict[Path, Fault]


def wal_folders(root: Path, settings: Settings) -> list[Path]:
    """Where WAL may lie: the vault's first, which the newest is streamed to."""
    return [folder for folder in (root / "wal", settings.wal_archive) if folder.is_dir()]


def read_log(folders: Iterable[Path], system_identifier: str | None) -> Log:
    """Take stock of the log and look at each segment once.

    :param system_identifier: of the cluster that it must be of; None: not known.
    """
    inventory = take_stock(folders)
    bad = {}
    for segment in [*inventory.complete.values(), *inventory.partial.values()]:
        try:
            check_segment(segment, inventory, system_identifier)
        except NoWay as error:
            bad[segment.path] = Fault(error.fault, str(error))
    return Log(inventory, bad)


def route_of(manifest: Manifest, inventory: Inventory) -> Route:
    """The log that rolls a base forward.

    :raises NoWay: when there is none, or the manifest does not say where the base ends.
    """
    end = manifest.wal_end_lsn or manifest.wal_lsn
    if end is None or manifest.timeline is None:
        raise NoWay("bad-manifest", f"the manifest of {manifest.file} does not say where its WAL ends")
    return find_route(inventory, manifest.timeline, parse_lsn(end))


def undone(manifest: Manifest, inventory: Inventory) -> str:
    """Why a base belongs to a history that a recovery has undone; empty when it does not, or does not say."""
    end = manifest.wal_end_lsn or manifest.wal_lsn
    if end is None or manifest.timeline is None:
        return ""
    return left_behind(inventory, manifest.timeline, parse_lsn(end))


def check_base_wal(manifest: Manifest, log: Log) -> Route:
    """Can this base be rolled forward to the newest segment?

    :raises Fault: ``wal-gap`` or ``wal-segment``.
    """
    try:
        route = route_of(manifest, log.inventory)
    except NoWay as error:
        raise Fault(error.fault, f"it cannot be rolled forward: {error}") from error
    for segment in route.segments:
        if fault := log.bad.get(segment.path):
            raise fault
    if route.gap:
        raise Fault("wal-gap", f"it can only be rolled forward to {route.segments[-1].name}: {route.gap}")
    return route


def archiver_of(settings: Settings) -> Archiver | None:
    """What the server says of its archive; None where there is none, or nobody can be asked."""
    if not settings.wal_archive.is_dir():
        return None
    try:
        return ask_archiver(contents.dsn_of(settings))
    except psycopg.Error:
        return None


def check_newest(log: Log, archiver: Archiver | None) -> str:
    """Look at the log as a whole, whatever base it belongs to.

    :param archiver: as the server said before the log was read: what it has let go of must be there.
    :returns: what there is, for people.
    :raises Fault: ``no-wal``, ``wal-segment``, ``wal-gap``, ``wal-behind``.
    """
    inventory = log.inventory
    if not inventory.complete and not inventory.partial:
        raise Fault("no-wal", "no segment of write-ahead log is there: all since the last base would be lost")
    for fault in log.bad.values():
        raise fault
    if archiver:
        _check_archived(archiver, {segment.name for segment in inventory.complete.values()})
    newest = max(
        [*inventory.complete.values(), *inventory.partial.values()], key=lambda s: (s.timeline, s.number)
    )
    unknown = "" if archiver else "; the database was not asked whether there is more"
    return f"{len(inventory.complete)} complete segment(s), the newest is {newest.path.name}{unknown}"


def _check_archived(archiver: Archiver, there: Container[str]) -> None:
    if archiver.archived and archiver.archived not in there:
        raise Fault(
            "wal-gap",
            f"the archive command said that {archiver.archived} is in the archive, and it is not there",
        )
    if archiver.failing:
        raise Fault("wal-behind", f"archiving fails: {archiver.failing} could not be archived")
