"""The first step of verification, by names, sizes and manifests alone: is a backup there, fresh, as big as usual?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from drbackup.errors import Cannot
from drbackup.findings import Fault
from drbackup.layout import Backup, folder
from drbackup.manifest import KINDS, Kind, Manifest
from drbackup.report import size

CLOCKS_DIFFER = timedelta(minutes=5)
COMPARED_WITH = 7  # of the last backups of its kind
# A cache may be empty tomorrow; a database that has lost half of itself since yesterday is looked at.
SHRINKING_MATTERS: tuple[Kind, ...] = ("dump", "base")
ALWAYS: tuple[Kind, ...] = ("dump", "base")  # without them there is nothing to recover


@dataclass(frozen=True)
class Expected:
    """What is expected of the newest backup of a kind.

    :param max_age: a daily backup is missed when it is older; the DRP's 24 h and the time to make it.
    :param min_share: of the size of the biggest among the last ``COMPARED_WITH``.
    :param kinds: of which at least one must be there: those that every night makes; see :func:`kinds_made`.
    """

    database: str
    now: datetime
    max_age: timedelta = timedelta(hours=26)
    min_share: float = 0.5
    kinds: tuple[Kind, ...] = KINDS

    @classmethod
    def from_environment(
        cls, database: str, now: datetime, environment: Mapping[str, str] = os.environ
    ) -> Expected:
        """Read ``DRBACKUP_MAX_AGE_HOURS`` and ``DRBACKUP_MIN_SHARE``.

        :raises Cannot: naming the one that is no number.
        """
        figures = {"DRBACKUP_MAX_AGE_HOURS": 26.0, "DRBACKUP_MIN_SHARE": 0.5}
        for name in figures:
            if text := environment.get(name):
                try:
                    figures[name] = float(text)
                except ValueError as error:
                    raise Cannot(f"{name} is {text!r}, which is no number") from error
        hours, share = figures.values()
        return cls(database, now, timedelta(hours=hours), share)


def kinds_made(root: Path, state: Path | None) -> tuple[Kind, ...]:
    """The kinds of backups that are made into ``root``: those of the database, and each other that ever was.

    Every night makes all of them. Where there never was a night, as where somebody has made a dump and a base by hand,
    or has copied them alone into a folder, there are no others to be missed.

    :param state: where it is kept how the last runs ended; None: of no account, as for a folder that is not the site's.
    """

    def tried(kind: Kind) -> bool:
        # What removes the folder as well has not removed this.
        return state is not None and (state / f"{kind}.json").exists()

    return tuple(kind for kind in KINDS if kind in ALWAYS or folder(root, kind).is_dir() or tried(kind))


@dataclass(frozen=True)
class Present:
    """A backup that is there.

    :param suspicion: not certainly a fault: what is told when nothing certain is found.
    """

    manifest: Manifest
    suspicion: Fault | None


def check_present(backup: Backup, siblings: Sequence[Backup], expected: Expected) -> Present:
    """Look at one backup among its ``siblings`` of the same kind, oldest first.

    :raises Fault: the first that is found.
    """
    manifest = _manifest(backup)
    if manifest.finished_utc > expected.now + CLOCKS_DIFFER:
        raise Fault("clock", f"it was finished at {_at(manifest.finished_utc)}, which is in the future")
    complete = [each for each in siblings if each.manifest is not None]
    suspicion = None
    if complete and backup.path == complete[-1].path:
        _check_fresh(manifest, expected)
        earlier = [each.manifest.bytes for each in complete[-1 - COMPARED_WITH : -1] if each.manifest]
        suspicion = _shrunk(manifest, earlier, expected)
    _check_there(backup, manifest)
    if manifest.kind == "dump" and manifest.database != expected.database:
        raise Fault(
            "wrong-database", f"it is of the database {manifest.database}, not of {expected.database}"
        )
    if manifest.kind == "dump" and not backup.path.name.startswith(f"{expected.database}_"):
        raise Fault("wrong-database", f"its name is not that of a backup of {expected.database}")
    return Present(manifest, suspicion)


def missing(kind: Kind) -> Fault:
    """No backup of that kind is there."""
    consequence = {"base": ": nothing that WAL could be replayed on, so no recovery to a point in time"}
    return Fault(f"no-{kind}", f"there is no {kind} backup{consequence.get(kind, '')}")


def _manifest(backup: Backup) -> Manifest:
    if backup.manifest is not None:
        return backup.manifest
    if not backup.path.exists():
        raise Fault("missing-file", backup.problem)
    raise Fault("bad-manifest" if backup.manifest_path.exists() else "missing-manifest", backup.problem)


def _check_fresh(manifest: Manifest, expected: Expected) -> None:
    age = expected.now - manifest.finished_utc
    if age > expected.max_age:
        raise Fault(
            "stale",
            f"the newest {manifest.kind} is of {_at(manifest.finished_utc)}, {_hours(age)} h ago;"
            f" it must not be older than {_hours(expected.max_age)} h",
        )


def _shrunk(manifest: Manifest, earlier: Sequence[int], expected: Expected) -> Fault | None:
    usual = max(earlier, default=0)
    if manifest.kind not in SHRINKING_MATTERS or manifest.bytes >= expected.min_share * usual:
        return None
    return Fault(
        "shrunk",
        f"it has {size(manifest.bytes)}, less than {expected.min_share:.0%} of the {size(usual)}"
        f" that one of the last {len(earlier)} had",
    )


def _check_there(backup: Backup, manifest: Manifest) -> None:
    for name, file in (manifest.files or {}).items():
        if not (backup.path / name).is_file():
            raise Fault("missing-file", f"its {name} is not there")
        _compare(f"its {name}", (backup.path / name).stat().st_size, file.bytes)
    if backup.path.is_file():
        _compare("it", backup.path.stat().st_size, manifest.bytes)
    elif manifest.kind != "base":
        raise Fault("missing-file", f"{backup.path.name} is no file")


def _compare(what: str, there: int, said: int) -> None:
    if there != said:
        raise Fault("checksum", f"{what} has {there} bytes, and {said} in the manifest")


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _hours(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 3600:.3g}"
