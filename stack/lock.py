"""Locks between processes, on files and folders: the kernel frees them when who holds them dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.wait import wait_until


def taken(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take a lock if nobody is in the way, and say whether it is ours now.

    :param kind: ``fcntl.LOCK_EX``, or ``fcntl.LOCK_SH``, which only an exclusive one is in the way of.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(path: Path, timeout_s: float, what: str) -> Iterator[None]:
    """Hold the exclusive lock of a file or folder, which is there.

    :param what: the condition that is waited for, as :func:`stack.wait.wait_until` names it.
    :raises stack.wait.NotReached: when somebody else holds it for longer than ``timeout_s``.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        wait_until(lambda: taken(descriptor), timeout_s=timeout_s, what=what)
        yield
    finally:
        os.close(descriptor)
