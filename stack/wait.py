"""Waiting for a condition, with a deadline and the last reason why it did not hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotReached(TimeoutError):
    """A condition did not hold before its deadline; chained to the last error seen."""


def wait_until(
    condition: Callable[[], T | None],
    *,
    timeout_s: float,
    what: str,
    every_s: float = 0.05,
    why_not: Callable[[], str] | None = None,
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    :param timeout_s: seconds until :class:`NotReached`.
    :param what: what is being waited for, as it should stand in the error.
    :param every_s: seconds between the ends of two calls.
    :param why_not: called once on failure, for the state to put into the error.
    :raises NotReached: with the last exception of ``condition`` chained, if there was one.
    """
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while True:
        try:
            result = condition()
            last = None
        except Exception as error:  # noqa: BLE001 - a condition may fail in any way until it holds
            last = error
        else:
            if result:
                return result
        if time.monotonic() >= deadline:
            detail = why_not() if why_not else (str(last) if last else "it never held")
            raise NotReached(f"{what}: not within {timeout_s:g} s ({detail})") from last
        time.sleep(every_s)
