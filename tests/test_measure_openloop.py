"""The open loop: its rate, its slots, and what becomes of those that cannot be used."""

from __future__ import annotations

import asyncio
import time

import pytest

from measure.openloop import OpenLoop

PERIOD_S = 0.02


def started(seconds: float, *, anywhere: bool, stall_s: float = 0.0) -> tuple[list[float], int]:
    """When each piece of work was due, in slots since the first; and how many slots were skipped."""
    skipped: list[int] = []
    dues: list[float] = []

    async def work(due: float) -> None:
        dues.append(due)
        if stall_s and len(dues) == 3:
            time.sleep(stall_s)  # this is what a stalled process is

    async def run() -> list[float]:
        stop = asyncio.Event()
        loop = OpenLoop(PERIOD_S, work, lambda slots, why: skipped.append(slots), 50, anywhere=anywhere)
        first = time.monotonic()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await loop.run(first, stop, 1.0)
        return [(due - first) / PERIOD_S for due in dues]

    return asyncio.run(run()), sum(skipped)


def test_a_regular_loop_starts_at_the_beginning_of_each_slot() -> None:
    times, skipped = started(0.5, anywhere=False)
    assert len(times) + skipped >= 20
    assert all(t == pytest.approx(round(t), abs=0.05) for t in times)


def test_a_loop_that_starts_anywhere_uses_each_slot_once_at_no_fixed_moment() -> None:
    times, skipped = started(1.5, anywhere=True)
    assert len(times) + skipped >= 60
    assert len({int(t) for t in times}) == len(times)
    moments = sorted(t % 1 for t in times)
    assert moments[0] < 0.2
    assert moments[-1] > 0.8


@pytest.mark.parametrize("anywhere", [False, True])
def test_slots_of_a_stall_are_counted_and_never_made_up_for(anywhere: bool) -> None:
    times, skipped = started(0.8, anywhere=anywhere, stall_s=10 * PERIOD_S)
    slots = [int(t if anywhere else round(t)) for t in times]
    assert skipped >= 8
    assert len(set(slots)) == len(slots)
    assert len(slots) + skipped == slots[-1] + 1
