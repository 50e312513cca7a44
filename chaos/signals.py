"""Signals while a fault is active: each of them leads to healing, none of them cuts it short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP raise :class:`KeyboardInterrupt`, as Ctrl-C does, so that what is open is closed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handling(interrupt, _ENDING):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Hold back Ctrl-C and the like until the block has ended; then raise :class:`KeyboardInterrupt`."""
    held: list[int] = []
    # SIGALRM: a test's time limit.
    caught = (signal.SIGINT, signal.SIGALRM, *_ENDING)
    with _handling(lambda number, frame: held.append(number), caught):
        yield
    if held:
        raise KeyboardInterrupt(signal.Signals(held[0]).name)


@contextmanager
def _handling(
    handler: Callable[[int, FrameType | None], None], numbers: tuple[signal.Signals, ...]
) -> Iterator[None]:
    # Only the main thread gets signals, and only it may say what they do.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
