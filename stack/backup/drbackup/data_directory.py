"""A data directory that recovers, when a server is started on it: a base, its log, and what the server is told.

All of it lies in the directory itself: the server needs neither the vault nor the archive to be there.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from drbackup.base_files import unpack_checked
from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup
from drbackup.manifest import Manifest
from drbackup.report import say, size
from drbackup.scratch import hand_over, program
from drbackup.target import choose_bases
from drbackup.verify_wal import route_of
from drbackup.wal import Inventory, NoLog, NoWay, Route, Segment, format_lsn, segment_name
from drbackup.wal_end import least_end

GROWING = ".drbackup-pitr"  # in the directory: what is being laid out, and the sign that it is not done
LOG = "drbackup_wal"
SYNC_TIMEOUT_S = 1800
_LITTLE = 1 << 20  # bytes: a directory that has no room for them has none
_OURS = re.compile(
    r"\s*(restore_command|recovery_end_command|archive_cleanup_command|recovery_target\w*)\b", re.I
)
_ENDED = re.compile(r"desc: (?:COMMIT|ABORT)\w*[^\n]*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")


@dataclass(frozen=True)
class LaidOut:
    """What a directory was made of.

    :param reaches_target: the log goes beyond the target; when it does not, recovery goes to its end.
    :param least_end: the position in the log that a recovery to its end must at least come to; 0 where there is none.
    """

    base: Backup
    route: Route
    reaches_target: bool
    least_end: int


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
    except NoLog as error:
        # It brings the log that it needs itself: better that than nothing.
        say(f"{base.path.name} is all there is: {error}")
        route = Route(manifest.timeline or 1, (), None)
    except NoWay as error:
        raise Bad(f"{error.fault}: from {base.path.name}: {error}") from error
    if route.lost:
        say(route.lost)
    say(f"unpacking {base.path.name} ({size(manifest.bytes)}), then {len(route.segments)} segment(s) of WAL")
    try:
        with ThreadPoolExecutor(1) as beside:
            log_laid = beside.submit(_lay_log, growing, route, log)
            unpack_checked(base.path, manifest, growing, identity)
    except (Bad, OSError) as error:
        if _is_of(into, error):
            raise Cannot(f"{into} cannot be laid out: {error}") from error
        raise _Damaged(str(error)) from error
    log_laid.result()
    reaches = _reaches(growing / LOG, route, log, target)
    if target is not None:
        _warn_of_undone(growing / LOG, route, log, target)
    _hand_over_log(growing, {each.name for each in route.segments if each.partial})
    laid = [replace(each, path=growing / "pg_wal" / each.name) for each in route.segments]
    end = least_end(laid, log.segment_size)
    _configure(growing, route, target if reaches else None)
    hand_over(growing)
    _move_up(growing, into)
    return LaidOut(base, route, reaches, end)


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
    """Copy the segments, and every history that there is, into a folder of their own.

    Of histories those of other timelines too: the server looks for a number that is free.
    """
    folder = growing / LOG
    folder.mkdir()
    for segment in route.segments:
        shutil.copyfile(segment.path, folder / segment.name)
        if segment.left is not None:
            os.truncate(folder / segment.name, segment.left % log.segment_size)
        if segment.partial or segment.left is not None:
            # The server takes a segment at its full size only.
            os.truncate(folder / segment.name, log.segment_size)
    for path in log.history_files.values():
        shutil.copyfile(path, folder / path.name)


def _hand_over_log(growing: Path, partial: Container[str]) -> None:
    """Move the log to where the server keeps its own, marked as archived, as pg_basebackup leaves what it brings.

    There the server reads it as it lies; a restore_command would copy and sync every segment once more.

    :param partial: of these the base's own goes first: whoever received them may have stood still while it was made.
    """
    own = growing / "pg_wal"
    archived = own / "archive_status"
    archived.mkdir(exist_ok=True)
    for path in sorted((growing / LOG).iterdir()):
        if path.name in partial and (own / path.name).exists():
            path.unlink()
        else:
            path.replace(own / path.name)
        (archived / f"{path.name}.done").touch()
    (growing / LOG).rmdir()


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
        if ended := _ended(folder, segment, segment_size):
            return max(ended) > target
    return False


def _ended(folder: Path, segment: Segment, segment_size: int, *bounds: str) -> list[datetime]:
    """When transactions ended, of those whose end lies in a segment.

    :param bounds: options of ``pg_waldump`` that leave a part of the segment out.
    """
    name = segment_name(segment.timeline, segment.number, segment_size)
    # It ends with an error where the log ends, in the middle of the newest segment.
    done = subprocess.run(
        [program("pg_waldump"), "--rmgr=Transaction", f"--path={folder}", *bounds, name, name],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    )
    return [datetime.fromisoformat(f"{each}+00:00") for each in _ENDED.findall(done.stdout)]


def _warn_of_undone(folder: Path, route: Route, log: Inventory, target: datetime) -> None:
    """Say so, where the moment lies in what an earlier recovery has undone.

    The server follows the newest history. Of a moment after it branched off, and before anything was written on it, it
    makes the branch itself: all that the older timeline had between the two is not in it.
    """
    size = log.segment_size
    ancestors = log.histories.get(route.timeline, [])
    younger = [*(timeline for timeline, _ in ancestors[1:]), route.timeline]
    for (older, left), newer in zip(ancestors, younger, strict=False):
        n = next((n for n, each in enumerate(route.segments) if each.number == left // size), None)
        if n is None:
            continue
        branch = format_lsn(left)
        up_to_it = _ended(folder, route.segments[n], size, f"--end={branch}")
        if target < max(up_to_it) if up_to_it else _ended_after(folder, route.segments[:n], size, target):
            continue
        on_it = itertools.chain(
            (_ended(folder, route.segments[n], size, f"--start={branch}"),),
            (_ended(folder, each, size) for each in route.segments[n + 1 :]),
        )
        first = next((min(ended) for ended in on_it if ended), None)
        if first is None or target < first:
            say(
                f"{target:%Y-%m-%d %H:%M:%S.%f} UTC lies after timeline {newer} left timeline {older}, and before"
                f" anything was written on it: what timeline {older} may have had then was undone."
                f" To have that: --timeline {older}"
            )


def _configure(growing: Path, route: Route, target: datetime | None) -> None:
    auto = growing / "postgresql.auto.conf"
    # The base's own may remember an earlier recovery, whose target would stand beside this one.
    kept = [line for line in auto.read_text(encoding="utf-8").splitlines() if not _OURS.match(line)]
    lines = [
        *kept,
        "restore_command = 'false'",  # one must be given: for all that is not in pg_wal
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
