"""Doing something at a steady rate, whatever becomes of it: the open loop that observer and workload share.

A slot that cannot be used is counted and reported, never made up for: a burst after a stall would be a load
that no client asked for, and a closed loop would stop asking just when the service stops answering
("coordinated omission").
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any


class OpenLoop:
    """Starts ``work`` every ``period_s`` seconds, at most ``max_in_flight`` at a time.

    :param work: called with the monotonic time at which it was due, in seconds.
    :param skipped: called with the number of slots that passed unused, and why: ``"in flight"`` (as many as
        allowed were still running) or ``"stalled"`` (this process could not run).
    :param anywhere: start at a random moment of each slot instead of at its beginning. Two loops of the same
        period keep the distance they happened to start with; where that is small, each always waits for the
        other, and a latency tells of that distance instead of the service.
    """

    def __init__(
        self,
        period_s: float,
        work: Callable[[float], Awaitable[None]],
        skipped: Callable[[int, str], None],
        max_in_flight: int,
        *,
        anywhere: bool = False,
    ) -> None:
        self._period = period_s
        self._work = work
        self._skipped = skipped
        self._max = max_in_flight
        self._anywhere = anywhere
        self._running: set[asyncio.Future[None]] = set()

    async def run(self, first: float, stop: asyncio.Event, finish_s: float) -> None:
        """Run from the monotonic time ``first`` until ``stop``, then give what is in flight ``finish_s`` s.

        :raises Exception: the first one that ``work`` raised: work that can fail must say so itself.
        """
        slot = first
        while not stop.is_set():
            due = slot + (random.random() * self._period if self._anywhere else 0.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            missed = int((time.monotonic() - due) / self._period)
            if missed:
                self._skipped(missed, "stalled")
                slot += missed * self._period
                due += missed * self._period
            if len(self._running) >= self._max:
                self._skipped(1, "in flight")
            else:
                self._running.add(asyncio.ensure_future(self._work(due)))
            slot += self._period
            self._raise_failed()
        if self._running:
            await asyncio.wait(self._running, timeout=finish_s)
        self._raise_failed()

    def _raise_failed(self) -> None:
        done = {task for task in self._running if task.done()}
        self._running -= done
        for task in done:
            task.result()


async def tick(record: Callable[[float, float], None], stop: asyncio.Event, every_s: float) -> None:
    """Record how late this process's own clock ticks: what stands still between two ticks saw nothing.

    :param record: called with the monotonic time and how late the tick is, in seconds.
    """
    while not stop.is_set():
        due = time.monotonic() + every_s
        await asyncio.sleep(every_s)
        now = time.monotonic()
        record(now, max(0.0, now - due))


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set by SIGTERM, or when standard input ends because the parent has died."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def from_parent() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), from_parent)
    try:
        yield stop
    finally:
        loop.remove_reader(sys.stdin.fileno())
        loop.remove_signal_handler(signal.SIGTERM)


def cost(started: float) -> dict[str, Any]:
    """What this process has cost since the monotonic time ``started``: CPU seconds against wall seconds."""
    return {"t": time.monotonic(), "cpu_s": time.process_time(), "wall_s": time.monotonic() - started}
