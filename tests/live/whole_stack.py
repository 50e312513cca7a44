"""The stack of the Compose file, or a part of it, owned by a living run: nobody sweeps it while a test uses it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.reaper import sweep
from reports.folder import create
from stack.stack import Stack


@contextmanager
def whole_stack(root: Path, purpose: str, *services: str) -> Iterator[Stack]:
    """Up and healthy: all of it, or ``services`` with what they depend on; gone afterwards.

    :param root: where the run's folder is made.
    """
    with create(root, f"{purpose}-{secrets.token_hex(3)}") as folder:
        stack = Stack(folder.path.name, folder.path)
        try:
            if services:
                stack.compose("up", "--detach", "--wait", *services, timeout_s=150)
            else:
                stack.up()
            yield stack
        finally:
            sweep(stack.docker, stack.drill_id)
