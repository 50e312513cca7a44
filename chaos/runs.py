"""Whose a run folder is: a living process's, the operator's who kept it, or nobody's."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.lock import held, taken

LOCK = ".lock"
KEPT = "kept"
HEALING = ".healing"


def is_alive(run_dir: Path) -> bool:
    """Whether the process that owns the run still lives: the kernel frees its lock when it dies."""
    try:
        lock = os.open(run_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not taken(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


@contextmanager
def in_use(run_dir: Path) -> Iterator[None]:
    """Have the run in ``run_dir``, whose owner may be gone, count as alive: nobody heals or removes what we use.

    While its owner lives, or somebody else uses it, there is nothing to be done.
    """
    lock = os.open(run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        taken(lock)
        yield
    finally:
        os.close(lock)


def is_kept(run_dir: Path) -> bool:
    """Whether the operator asked to keep the run's stack."""
    return (run_dir / KEPT).exists()


@contextmanager
def healing(run_dir: Path, timeout_s: float) -> Iterator[None]:
    """Be the only one that heals the run in ``run_dir``: owner, watchdog, reaper and operator may want to.

    :raises stack.wait.NotReached: when somebody else is at it for longer than ``timeout_s``.
    """
    lock = run_dir / HEALING
    lock.touch(mode=0o644)
    with held(lock, timeout_s, f"nobody else heals {run_dir.name}"):
        yield
