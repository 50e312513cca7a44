"""One run at a time: two at once would each take the other's unfinished files for a dead run's."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drbackup.errors import Cannot

FILE = ".drbackup.lock"


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold the lock of the backups under ``root``; the kernel frees it when the process dies.

    :raises Cannot: when another run holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Cannot("another run is making or removing backups: nothing was done") from None
        yield
    finally:
        os.close(descriptor)
