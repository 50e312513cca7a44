"""What recovery to a point in time hangs on: the log, without a gap, from each base to its end."""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from drbackup import contents
from drbackup.findings import Fault
from drbackup.manifest import Manifest
from drbackup.report import say
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

# PostgreSQL looks for what is to be archived once a minute, whatever wakes it beside: one that archives has done so.
ARRIVES_S = 65.0
_LOOK_S = 0.2
_SEGMENT = re.compile(r"[0-9A-F]{24}")
# What the server has completed and the archive command has not said yes to: of every timeline, by the server's own
# books. No row: it does not archive, or is in recovery, and then it does not say where it writes.
_WAITING = r"""
    SELECT pg_walfile_name(pg_current_wal_lsn()),
           ARRAY(SELECT left(name, 24) FROM pg_ls_archive_statusdir()
                 WHERE name ~ '^[0-9A-F]{24}\.ready$' ORDER BY name)
    WHERE NOT pg_is_in_recovery() AND current_setting('archive_mode') <> 'off'"""


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


def standstill(settings: Settings) -> Fault | None:
    """Wait until the archive has every segment that the server has completed by now.

    A command that is empty, or hangs, never fails: ``archiver_of`` says nothing of it. A server that is busy has always
    one on its way, and one that was has many: that they arrive is waited for as long as any does.

    :returns: ``wal-behind``, when none arrives for ``ARRIVES_S``; None when they are there, or the server does not
        archive, is in recovery, or cannot be asked.
    """
    try:
        with contents.connect(contents.dsn_of(settings)) as connection:
            connection.autocommit = True  # else what is waited in would be one transaction
            return _await_archived(connection, settings.wal_archive)
    except psycopg.Error as error:
        # As when the role may not see the server's books.
        say(f"whether the archive stands still cannot be asked: {' '.join(str(error).split())}")
        return None


def _await_archived(connection: psycopg.Connection[Any], archive: Path) -> Fault | None:
    left: frozenset[str] | None = None
    deadline = 0.0
    while row := connection.execute(_WAITING).fetchone():
        writes, waiting = row
        # By its name: the server crosses a segment off only when the archive's folder is on disk as well.
        missing = frozenset(name for name in waiting if not (archive / name).exists())
        now = missing if left is None else left & missing
        if not now:
            return None
        if now != left:
            if left is None:
                say(f"waiting until {max(now)} is archived; the server writes {writes}")
            left, deadline = now, time.monotonic() + ARRIVES_S
        elif time.monotonic() > deadline:
            return _behind(writes, sorted(now), archive)
        time.sleep(_LOOK_S)
    return None


def _behind(writes: str, missing: list[str], archive: Path) -> Fault:
    newest = max((path.name for path in archive.iterdir() if _SEGMENT.fullmatch(path.name)), default="none")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Fault(
        "wal-behind",
        f"the server writes {writes}, and the newest complete segment in the archive is {newest}:"
        f" {missing[0]}{more} did not arrive within {ARRIVES_S:g} s",
    )


def check_newest(log: Log, archiver: Archiver | None, behind: Fault | None = None) -> str:
    """Look at the log as a whole, whatever base it belongs to.

    :param archiver: as the server said before the log was read: what it has let go of must be there.
    :param behind: what :func:`standstill` has found.
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
    if behind:
        raise behind
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
