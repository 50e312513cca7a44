"""``drbackup pitr``: a data directory that recovers, when a server is started on it, to a moment or to the last one.

The newest base that ended before the target, unless the history it lies on was undone since, and after it all the log
there is: complete segments from the vault and from the archive, and the one that was still being written
(``.partial``) under its real name, since the newest transactions are in it. All of it lies in the directory itself:
the server needs neither the vault nor the archive to be there.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drbackup.base_files import unpack_checked
from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup, listing
from drbackup.manifest import Manifest
from drbackup.report import as_json, say, size
from drbackup.scratch import hand_over, program, scratch_folder
from drbackup.settings import Settings
from drbackup.vault import Vault
from drbackup.verify_wal import route_of, undone, wal_folders
from drbackup.wal import Inventory, NoWay, Route, Segment, segment_name, take_stock

FORMAT = "dr-pitr/1"
LATEST = "latest"
GROWING = ".drbackup-pitr"  # in the directory: what is being laid out, and the sign that it is not done
LOG = "drbackup_wal"
SYNC_TIMEOUT_S = 1800
_LITTLE = 1 << 20  # bytes: a directory that has no room for them has none
_OURS = re.compile(
    r"\s*(restore_command|recovery_end_command|archive_cleanup_command|recovery_target\w*)\b", re.I
)
_ENDED = re.compile(r"desc: (?:COMMIT|ABORT)\w*[^\n]*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="the data directory; must be empty"
    )
    target_argument(parser)
    parser.add_argument(
        "--dir",
        type=Path,
        help="the folder of the backups and their log, in place of DRBACKUP_ROOT and the vault's log",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def target_argument(parser: argparse.ArgumentParser) -> None:
    """The option ``--to``, for :func:`read_target`."""
    parser.add_argument(
        "--to",
        default=LATEST,
        metavar="TIME",
        help="latest, or a moment with its UTC offset, as 2026-11-24T11:59:30+00:00 (default: latest)",
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Lay the directory out; 0 when it is ready to be started.

    :raises Bad: when the log does not lead to the target, or no base can be used.
    :raises Cannot: for a target that is no time, a directory that is not empty or has no room, or a vault that does
        not answer.
    """
    began = time.monotonic()
    target = read_target(options.to)
    root = options.dir or settings.root
    bases = listing(root, "base")
    with _log_folders(root, settings, with_vault=options.dir is None) as folders:
        laid = lay_out(bases, take_stock(folders), options.into, target, settings.age_identity)
    took = time.monotonic() - began
    newest = laid.route.segments[-1]
    say(
        f"{options.into} is ready in {took:.1f} s: {laid.base.path.name}, then {len(laid.route.segments)} segment(s)"
        f" to {newest.path.name}, recovering to {options.to}"
    )
    if options.json:
        as_json(
            {
                "format": FORMAT,
                "into": str(options.into),
                "base": laid.base.path.name,
                "to": options.to,
                "timeline": laid.route.timeline,
                "segments": len(laid.route.segments),
                "newest_segment": newest.path.name,
                "log_reaches_target": laid.reaches_target,
                "seconds": round(took, 3),
            }
        )
    return 0


def read_target(text: str) -> datetime | None:
    """The moment to recover to; None: the last one.

    :raises Cannot: when it is no time, or lacks its offset: a recovery must not hang on a machine's time zone.
    """
    if text == LATEST:
        return None
    try:
        target = datetime.fromisoformat(text)
    except ValueError as error:
        raise Cannot(f"--to {text}: neither {LATEST} nor a time, as 2026-11-24T11:59:30+00:00") from error
    if target.tzinfo is None:
        raise Cannot(f"--to {text}: give the time with its UTC offset, as {target.isoformat()}+00:00")
    return target.astimezone(UTC)


@contextmanager
def _log_folders(root: Path, settings: Settings, *, with_vault: bool) -> Iterator[list[Path]]:
    """Where the log lies: the vault's first, fetched for a while; the newest is there alone."""
    here = wal_folders(root, settings)
    if not with_vault or not settings.vault:
        if with_vault and root / "wal" not in here:
            say("no vault is set (DRBACKUP_VAULT): what was written and is not archived yet is not in this")
        yield here
        return
    with scratch_folder(settings.scratch) as folder:
        say("fetching the log from the vault")
        try:
            Vault.of(settings).download("wal", folder / "wal")
        except Cannot as error:
            raise Cannot(
                f"the newest of the log is in the vault alone, and {error}; to do without: --dir {root}"
            ) from error
        yield [folder / "wal", *here]


@dataclass(frozen=True)
class LaidOut:
    """What a directory was made of.

    :param reaches_target: the log goes beyond the target; when it does not, recovery goes to its end.
    """

    base: Backup
    route: Route
    reaches_target: bool


def choose_bases(
    bases: Sequence[Backup], target: datetime | None, log: Inventory
) -> list[tuple[Backup, Manifest]]:
    """The bases that had ended before the target, the best first: the less log to replay, the sooner it is done.

    What was undone stays so: a base that the newest timeline's history does not lead through is passed over.

    :raises Bad: when there is none.
    """
    complete = [(base, base.manifest) for base in bases if base.manifest is not None]
    if not complete:
        raise Bad("no-base: there is no base backup that the log could be replayed on")
    before = [pair for pair in complete if target is None or pair[1].finished_utc <= target]
    if not before:
        oldest = min(manifest.finished_utc for _, manifest in complete)
        raise Bad(
            f"no-base: the oldest base was finished at {oldest:%Y-%m-%d %H:%M:%S} UTC, after the target"
        )
    usable = []
    for base, manifest in sorted(before, key=lambda pair: pair[1].finished_utc, reverse=True):
        if why := undone(manifest, log):
            say(f"{base.path.name} is passed over, as undone: {why}")
        else:
            usable.append((base, manifest))
    if not usable:
        raise Bad(
            f"no-base: none of the {len(before)} base(s) before the target is of the newest timeline's history"
        )
    return usable


def lay_out(
    bases: Sequence[Backup], log: Inventory, into: Path, target: datetime | None, identity: Path | None = None
) -> LaidOut:
    """Lay a data directory out in ``into``, which is empty, not there, or what a killed run has left.

    A base that turns out to be damaged is passed over for the one before it.

    :raises Bad: when no base can be used, or a segment is missing on the way to the target.
    :raises Cannot: when the directory holds something, has no room, or another run is at it.
    """
    candidates = choose_bases(bases, target, log)
    damaged: list[str] = []
    with _held(into):
        for base, manifest in candidates:
            _prepare(into)
            try:
                return _lay_one(base, manifest, log, into, target, identity)
            except _Damaged as error:
                say(f"{base.path.name} cannot be used: {error}")
                damaged.append(str(error))
                _clear(into)
            except (OSError, subprocess.SubprocessError) as error:
                _clear(into)
                raise Cannot(f"{into} cannot be laid out: {error}") from error
            except BaseException:
                _clear(into)
                raise
    raise Bad(f"no base can be used: {'; '.join(damaged)}")


class _Damaged(Exception):
    """A base is not what was written."""


def _lay_one(
    base: Backup,
    manifest: Manifest,
    log: Inventory,
    into: Path,
    target: datetime | None,
    identity: Path | None,
) -> LaidOut:
    """From one base, in ``into``, which was prepared."""
    growing = into / GROWING
    try:
        route = route_of(manifest, log)
    except NoWay as error:
        raise Bad(f"{error.fault}: from {base.path.name}: {error}") from error
    say(f"unpacking {base.path.name} ({size(manifest.bytes)}), then {len(route.segments)} segment(s) of WAL")
    try:
        unpack_checked(base.path, manifest, growing, identity)
    except (Bad, OSError) as error:
        if _is_of(into, error):
            raise Cannot(f"{into} cannot be laid out: {error}") from error
        raise _Damaged(str(error)) from error
    _lay_log(growing, route, log)
    reaches = _reaches(growing / LOG, route, log, target)
    _configure(growing, route, target if reaches else None)
    hand_over(growing)
    _move_up(growing, into)
    return LaidOut(base, route, reaches)


def _is_of(into: Path, error: Exception) -> bool:
    """Whether the directory is to blame, and not a base: no other base would fare better."""
    named = error.filename if isinstance(error, OSError) else None
    if named is not None and Path(str(named)).is_relative_to(into):
        return True
    try:
        # Of a disk that is full, tar says no more than how many bytes it could write.
        with tempfile.TemporaryFile(dir=into) as file:
            os.posix_fallocate(file.fileno(), 0, _LITTLE)
    except OSError:
        return True
    return False


@contextmanager
def _held(into: Path) -> Iterator[None]:
    """Hold the directory, made where it is not there, by a lock on itself: nothing of it is left in there.

    :raises Cannot: when another run holds it.
    """
    into.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Cannot(f"another run is laying {into} out: nothing was done") from None
        yield
    finally:
        os.close(descriptor)


def _prepare(into: Path) -> None:
    there = sorted(path.name for path in into.iterdir())
    if GROWING in there:
        say(f"removing what a killed run has left in {into}")
        _clear(into)
    elif there:
        raise Cannot(
            f"{into} is not empty ({there[0]}): nothing is restored over data; name a fresh directory"
        )
    (into / GROWING).mkdir(mode=0o700)


def _clear(into: Path) -> None:
    """Remove all that is in the directory, the sign that it is not done last."""
    for path in sorted(into.iterdir(), key=lambda path: path.name == GROWING):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lay_log(growing: Path, route: Route, log: Inventory) -> None:
    """Put the segments, and every history that there is, where the server will ask for them.

    Of histories those of other timelines too: the server looks for a number that is free.
    """
    folder = growing / LOG
    folder.mkdir()
    for segment in route.segments:
        shutil.copyfile(segment.path, folder / segment.name)
        if segment.partial:
            # The server takes a segment from an archive at its full size only.
            os.truncate(folder / segment.name, log.segment_size)
    for path in log.history_files.values():
        shutil.copyfile(path, folder / path.name)


def _reaches(folder: Path, route: Route, log: Inventory, target: datetime | None) -> bool:
    """Whether the log goes beyond the target, where a server would stop.

    :raises Bad: when a segment is missing before it does.
    """
    if target is None:
        if route.gap:
            raise Bad(
                f"wal-gap: {route.gap}: a recovery to the latest moment would end in {route.segments[-1].name}"
            )
        return True
    if _ended_after(folder, route.segments, log.segment_size, target):
        return True
    if route.gap:
        raise Bad(
            f"wal-gap: {route.gap}, and the log before it does not reach {target:%Y-%m-%d %H:%M:%S.%f} UTC"
        )
    say(f"the log ends before {target:%Y-%m-%d %H:%M:%S.%f} UTC: recovering to its end")
    return False


def _ended_after(folder: Path, segments: Sequence[Segment], segment_size: int, target: datetime) -> bool:
    """Whether a transaction ended after the target; the segments are looked at from the newest back."""
    for segment in reversed(segments):
        name = segment_name(segment.timeline, segment.number, segment_size)
        # It ends with an error where the log ends, in the middle of the newest segment.
        done = subprocess.run(
            [program("pg_waldump"), "--rmgr=Transaction", f"--path={folder}", name, name],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        )
        ended = [datetime.fromisoformat(f"{each}+00:00") for each in _ENDED.findall(done.stdout)]
        if ended:
            return max(ended) > target
    return False


def _configure(growing: Path, route: Route, target: datetime | None) -> None:
    auto = growing / "postgresql.auto.conf"
    # The base's own may remember an earlier recovery, whose target would stand beside this one.
    kept = [line for line in auto.read_text(encoding="utf-8").splitlines() if not _OURS.match(line)]
    lines = [
        *kept,
        f'restore_command = \'test -f "{LOG}/%f" && cp "{LOG}/%f" "%p"\'',
        f"recovery_end_command = 'rm -rf {LOG}'",
        f"recovery_target_timeline = '{route.timeline}'",
        "recovery_target_action = 'promote'",
    ]
    if target is not None:
        lines.append(f"recovery_target_time = '{target:%Y-%m-%d %H:%M:%S.%f}+00'")
    auto.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (growing / "recovery.signal").touch(mode=0o600)


def _move_up(growing: Path, into: Path) -> None:
    """Give everything its place; PG_VERSION last, since it is what says that there is a cluster."""
    for path in sorted(growing.iterdir(), key=lambda path: path.name == "PG_VERSION"):
        path.rename(into / path.name)
    owner = growing.stat()
    os.chown(into, owner.st_uid, owner.st_gid)
    into.chmod(0o700)
    subprocess.run(["sync", "--file-system", str(into)], check=True, timeout=SYNC_TIMEOUT_S)
    growing.rmdir()
