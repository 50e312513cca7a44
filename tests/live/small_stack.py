"""A stack that starts in two seconds: what tests of faults break."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.reaper import sweep
from stack.stack import Stack

COMPOSE = Path(__file__).resolve().with_name("small.compose.yml")


def new_id() -> str:
    """A drill id that no other run has."""
    return f"chaos-{secrets.token_hex(3)}"


@contextmanager
def small_stack(run_dir: Path, drill_id: str | None = None) -> Iterator[Stack]:
    """The services of ``small.compose.yml``, up and healthy; gone afterwards."""
    stack = Stack(drill_id or new_id(), run_dir, (COMPOSE,))
    try:
        stack.up()
        yield stack
    finally:
        sweep(stack.docker, stack.drill_id)
