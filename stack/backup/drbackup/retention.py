"""What may go: older than the retention, and needed by nobody.

The plan's ``find -mtime +30 -delete`` runs even when every newer backup is bad, and knows nothing of what a base is
for. Here the newest good backup of a kind stays, whatever its age; so does the base from which the oldest moment within
the retention can be reached; and WAL goes only when it is older than every base that stays.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drbackup import layout, report
from drbackup.errors import Cannot
from drbackup.fence import refuse_unless_active
from drbackup.layout import Backup
from drbackup.lock import only_run
from drbackup.manifest import KINDS, Kind, Manifest, ManifestError, read
from drbackup.offsite import digests_differ, files_of
from drbackup.seal import differs
from drbackup.settings import Settings
from drbackup.status import remembered
from drbackup.vault import Vault
from drbackup.wal import parse_lsn, segment_name, segment_size_of

WAL_FOLDER = "wal/"
_FEW = 3  # so many of a kind may go at once, whatever share of it they are
_WAL = re.compile(r"[0-9A-F]{8}([0-9A-F]{16})(\.partial|\.[0-9A-F]{8}\.backup)?")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    parser.add_argument(
        "--most", action="store_true", help="remove even most of what there is of a kind: the clock is right"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup retention``."""
    refuse_unless_active(settings)
    kept = nullcontext() if options.dry_run else remembered(settings.state, "retention")
    with only_run(settings.root), kept:
        thin_out(settings, datetime.now(UTC), dry_run=options.dry_run, most=options.most)
    return 0


def thin_out(settings: Settings, now: datetime, *, dry_run: bool = False, most: bool = False) -> None:
    """Remove what may go, here and in the vault; with the lock held.

    :param most: even where that is most of what there is of a kind, as after a clock has leapt forward.
    :raises Cannot: when the clock is wrong, or may be, or the vault cannot be reached.
    """
    task = _Task(now, timedelta(days=settings.retention_days), dry_run, most)
    _here(settings, task)
    if settings.vault:
        _there(settings, task)


@dataclass(frozen=True)
class _Task:
    now: datetime
    keep: timedelta
    dry_run: bool
    most: bool

    def expired(self, backups: Sequence[Backup], is_good: Callable[[Backup], bool]) -> list[Backup]:
        """Which may go. A night's backup makes one too old; by a clock that has leapt forward nearly all are, at once.

        :raises Cannot: when more than a few are to go, and those are most of them.
        """
        gone = expired(backups, self.now, self.keep, is_good)
        if len(gone) > _FEW and 2 * len(gone) > len(backups) and not (self.most or self.dry_run):
            raise Cannot(
                f"{len(gone)} of {len(backups)} backups of the kind {gone[0].kind} are too old at once: is the clock"
                " right? None of them is removed; if it is: drbackup retention --most"
            )
        return gone


def expired(
    backups: Sequence[Backup], now: datetime, keep: timedelta, is_good: Callable[[Backup], bool]
) -> list[Backup]:
    """Which backups of one kind may go.

    :param is_good: whether a backup is whole; asked of few, from the newest on, since it reads them.
    :raises Cannot: when a backup is from the future: then the clock is not to be trusted with removing anything.
    """
    ordered = sorted(backups, key=_finished, reverse=True)
    if ordered and _finished(ordered[0]) > now + timedelta(days=1):
        raise Cannot(f"{ordered[0].path.name} is newer than now: the clock is wrong, nothing is removed")
    old = [backup for backup in ordered if _finished(backup) < now - keep]
    if not old:
        return []
    stays = next(filter(is_good, ordered), None)
    if stays is None:
        return []  # none is good: what there is may be all that can be saved
    if stays.kind == "base":
        # From here on every moment within the retention can be reached.
        from_here = next(filter(is_good, old), None)
        return [backup for backup in old if from_here and backup not in (stays, from_here)]
    return [backup for backup in old if backup is not stays]


def obsolete_wal(sizes: Mapping[str, int], bases: Sequence[Manifest]) -> list[str]:
    """Which files of WAL come before each of the bases, on whatever timeline; histories never do.

    The lowest position counts, not the oldest base: one made after a recovery to a moment may begin below it.

    :param sizes: of each file, by its name, in bytes: a segment's name hangs on how large segments are.
    :param bases: those that stay; nothing may go where there is none, or one does not say where its WAL begins.
    """
    begins = [parse_lsn(base.wal_lsn) for base in bases if base.wal_lsn]
    segment_bytes = segment_size_of(size for name, size in sizes.items() if _WAL.fullmatch(name))
    if not begins or len(begins) < len(bases) or segment_bytes is None:
        return []
    first = segment_name(0, min(begins) // segment_bytes, segment_bytes)[8:]
    matches = {name: _WAL.fullmatch(name) for name in sizes}
    return sorted(name for name, found in matches.items() if found and found[1] < first)


def _finished(backup: Backup) -> datetime:
    return backup.manifest.finished_utc if backup.manifest else backup.named


def _staying(backups: Sequence[Backup], gone: Sequence[Backup]) -> list[Manifest]:
    return [each.manifest for each in backups if each.manifest and each not in gone]


def _here(settings: Settings, task: _Task) -> None:
    def is_good(backup: Backup) -> bool:
        return backup.manifest is not None and not differs(backup.path, backup.manifest)

    for kind in KINDS:
        backups = layout.listing(settings.root, kind)
        gone = task.expired(backups, is_good)
        for backup in gone:
            _say(task.dry_run, str(backup.path))
            if not task.dry_run:
                _remove(backup)
        if kind == "base" and settings.wal_archive.is_dir():
            names = obsolete_wal(_sizes(settings.wal_archive), _staying(backups, gone))
            _say_wal(task.dry_run, str(settings.wal_archive), names)
            for name in names if not task.dry_run else []:
                (settings.wal_archive / name).unlink(missing_ok=True)


def _sizes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # it was given its name meanwhile
            found[path.name] = path.stat().st_size
    return found


def _remove(backup: Backup) -> None:
    """The manifest first: what is half removed is no backup."""
    backup.manifest_path.unlink(missing_ok=True)
    layout.sync(backup.path.parent)
    if backup.path.is_dir():
        shutil.rmtree(backup.path)
    else:
        backup.path.unlink(missing_ok=True)


def _there(settings: Settings, task: _Task) -> None:
    refuse_unless_active(settings)  # once more: making the backups may have taken hours
    vault = Vault.of(settings)
    sizes = vault.sizes()
    backups = {kind: list(_named(kind, sizes)) for kind in KINDS}
    if all(backup.named >= task.now - task.keep for listed in backups.values() for backup in listed):
        return  # as on most days: nothing is old enough, nothing has to be read
    with tempfile.TemporaryDirectory(prefix="drbackup-vault.") as folder:
        vault.manifests(Path(folder))
        for kind in KINDS:
            listed = [_with_manifest(Path(folder), backup) for backup in backups[kind]]
            _thin_out_there(vault, sizes, listed, task)


def _thin_out_there(vault: Vault, sizes: Mapping[str, int], backups: list[Backup], task: _Task) -> None:
    """One kind in the vault."""

    def is_good(backup: Backup) -> bool:
        files = files_of(backup)
        there = [path for path in files if path in sizes]
        return bool(files) and not digests_differ(files, vault.sha256(there) if there else {})

    gone = task.expired(backups, is_good)
    for backup in gone:
        path = f"{layout.FOLDERS[backup.kind]}/{backup.path.name}"
        _say(task.dry_run, f"vault:{path}")
        if not task.dry_run:
            vault.remove([f"{path}.json"])
            vault.remove([file for file in sizes if file == path or file.startswith(f"{path}/")])
    staying = _staying(backups, gone) if gone and gone[0].kind == "base" else []
    log = {path.removeprefix(WAL_FOLDER): size for path, size in sizes.items() if path.startswith(WAL_FOLDER)}
    obsolete = obsolete_wal(log, staying)
    _say_wal(task.dry_run, f"vault:{WAL_FOLDER}", obsolete)
    if obsolete and not task.dry_run:
        vault.remove([f"{WAL_FOLDER}{name}" for name in obsolete])


def _named(kind: Kind, sizes: Mapping[str, int]) -> Iterator[Backup]:
    """What is called like a backup of a kind in the vault, with no manifest read yet."""
    home = f"{layout.FOLDERS[kind]}/"
    names = {path.split("/")[1].removesuffix(".json") for path in sizes if path.startswith(home)}
    for name in sorted(names):
        when = layout.named(kind, name)
        if when:
            yield Backup(kind, Path(name), when, problem=f"{name} has no manifest")


def _with_manifest(fetched: Path, backup: Backup) -> Backup:
    try:
        manifest = read(layout.manifest_path(layout.folder(fetched, backup.kind) / backup.path.name))
    except ManifestError as error:
        return replace(backup, problem=str(error))
    return replace(backup, manifest=manifest, problem="")


def _say(dry_run: bool, what: str) -> None:
    report.say(f"retention: {what} {'would be' if dry_run else 'is'} removed")


def _say_wal(dry_run: bool, where: str, names: Sequence[str]) -> None:
    if names:
        _say(dry_run, f"{len(names)} files of WAL in {where}, up to {names[-1]},")
