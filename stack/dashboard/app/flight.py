"""Doing once what several ask for at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Callers that come while ``work`` runs get that run's result, or its error."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        if self._running is None:
            self._running = asyncio.create_task(self._work())
            self._running.add_done_callback(self._landed)
        # A caller that gives up must not take the others' result with it.
        return await asyncio.shield(self._running)

    def _landed(self, task: asyncio.Task[T]) -> None:
        self._running = None
        if not task.cancelled():
            # Looked at here, so that an error which no caller waited for is not reported as forgotten.
            task.exception()
