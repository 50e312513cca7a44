"""Stacks that start in seconds: what tests of faults break."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.reaper import sweep
from stack.stack import Stack

COMPOSE = Path(__file__).resolve().with_name("small.compose.yml")
WITH_DATABASE = (COMPOSE, COMPOSE.with_name("database.compose.yml"))
"""The small stack's Compose files with a real PostgreSQL in it, which takes twice as long to start."""


def new_id() -> str:
    """A drill id that no other run has."""
    return f"chaos-{secrets.token_hex(3)}"


@contextmanager
def small_stack(
    run_dir: Path, drill_id: str | None = None, files: tuple[Path, ...] = (COMPOSE,)
) -> Iterator[Stack]:
    """The services of ``files``, up and healthy; gone afterwards."""
    stack = Stack(drill_id or new_id(), run_dir, files)
    try:
        stack.up()
        yield stack
    finally:
        sweep(stack.docker, stack.drill_id)
