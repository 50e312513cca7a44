"""The folder of one run, and who owns it: ``reports/out/<drill id>/``, with ``latest`` beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from chaos.runs import LOCK
from plan.errors import UserError

LATEST = "latest"
NEEDED_BYTES = 256 * 1024 * 1024


class RunFolder:
    """A run's folder, owned by this process for as long as its lock is held: the kernel frees it on death."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    def close(self) -> None:
        """Give the folder up; idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def new_drill_id() -> str:
    """An id of a run: sorts by time, does not collide, and is fit for a Compose project's name."""
    return f"d{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"


def prepare(root: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    """Make the folder of the runs.

    :param needed_bytes: free space without which a run is not begun: half the evidence is worthless.
    :raises UserError: when it cannot be made or written, or the disk is full.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise _unwritable(root, error) from error
    if not os.access(root, os.W_OK):
        raise _unwritable(root, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if free < needed_bytes:
        raise UserError(
            f"{root} has {free / 2**20:.0f} MB left, a run needs {needed_bytes / 2**20:.0f} MB",
            "free some space, for instance by removing old runs from it",
        )


def create(root: Path, drill_id: str, needed_bytes: int = NEEDED_BYTES) -> RunFolder:
    """Make the folder of the run ``drill_id`` under ``root``, own it, and point ``latest`` at it.

    :param needed_bytes: see :func:`prepare`.
    :raises UserError: when it cannot be made or written, the disk is full, or the run is there already.
    """
    path = (root / drill_id).absolute()
    prepare(root, needed_bytes)
    try:
        path.mkdir(exist_ok=True)  # pytest-html may have made it; the lock tells whether a run is there
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise UserError(f"{error.filename} is there already", "remove it, or use another drill id") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits out a reaper that is just asking whether we live
        os.write(lock, f"{os.getpid()}\n".encode())
        _point(root / LATEST, path)
    except OSError as error:
        os.close(lock)
        shutil.rmtree(path, ignore_errors=True)
        raise _unwritable(path, error) from error
    return RunFolder(path, lock)


def _point(link: Path, target: Path) -> None:
    # A rename, so that nobody ever finds no "latest"; relative, so that the whole folder can be moved.
    temporary = link.with_name(f".{LATEST}.{target.name}")
    temporary.symlink_to(target.name)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink()
        raise


def _unwritable(path: Path, error: OSError) -> UserError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free some space on that disk" if full else "make the folder writable, or choose another one"
    return UserError(f"{path} cannot be written: {error.strerror}", remedy)
