"""What recovery to a point in time hangs on: the log, without a gap, from each base to its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from drbackup import contents
from drbackup.findings import Fault
from drbackup.manifest import Manifest
from drbackup.report import say
from drbackup.server import last_archived
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


def said_to_be_archived(settings: Settings) -> str | None:
    """The segment that the server has let go of last, since its archive command said yes; None when nobody knows."""
    if not settings.wal_archive.is_dir():
        return None
    try:
        return last_archived(contents.dsn_of(settings))
    except psycopg.Error:
        say("the database does not answer: whether the newest of its log is in the archive is not known")
        return None


def check_newest(log: Log, archived: str | None) -> str:
    """Look at the log as a whole, whatever base it belongs to.

    :param archived: a segment that the server says is in the archive, as it said before the log was read.
    :returns: what there is, for people.
    :raises Fault: ``no-wal``, ``wal-segment``, ``wal-gap``.
    """
    inventory = log.inventory
    if not inventory.complete and not inventory.partial:
        raise Fault("no-wal", "no segment of write-ahead log is there: all since the last base would be lost")
    for fault in log.bad.values():
        raise fault
    if archived and archived not in {segment.name for segment in inventory.complete.values()}:
        raise Fault(
            "wal-gap", f"the archive command said that {archived} is in the archive, and it is not there"
        )
    newest = max(
        [*inventory.complete.values(), *inventory.partial.values()], key=lambda s: (s.timeline, s.number)
    )
    return f"{len(inventory.complete)} complete segment(s), the newest is {newest.path.name}"
