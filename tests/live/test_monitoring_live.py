"""Alerts end to end: something breaks, and the pager rings, in each of three ways, soon, and only then."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.fault import Fault
from chaos.fill_memory import FillMemory
from chaos.kill_container import KillContainer
from chaos.kill_process import KillProcess
from measure.notifications import Notifications, firing
from stack.stack import Stack
from stack.wait import wait_until
from tests.live.beside import beside
from tests.live.whole_stack import whole_stack

pytestmark = pytest.mark.live

CHANNELS = {"webhook", "slack", "pagerduty"}
KEY = {"X-API-Key": "dev-api-key"}
# A tenth and less of what the DRP gives detection, on a machine that is doing other things too.
SOON_S = 30.0
QUIET_S = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with whole_stack(tmp_path_factory.mktemp("runs"), "monitoring") as up:
        yield up


@pytest.fixture(scope="module")
def readers(stack: Stack) -> Iterator[None]:
    """Some forty summaries a second, for as long as the tests run: what is nobody's question is nobody's alarm."""

    def read(stop: threading.Event) -> None:
        with httpx.Client(base_url=stack.url("edge", 80), headers=KEY, timeout=5, trust_env=False) as client:
            # At no fixed distance: whoever asks while the same is being asked shares the answer, and would ever after.
            while not stop.wait(random.uniform(0, 0.2)):
                try:
                    client.get("/api/summary")
                except httpx.HTTPError:
                    continue  # that is what the tests are about

    with beside(read, threads=4):
        yield


@pytest.fixture
def pager(stack: Stack, readers: None, tmp_path: Path) -> Iterator[Notifications]:
    """What rings from now on, with everything quiet before the test and after it."""
    wait_until(lambda: not noise(stack), timeout_s=QUIET_S, what="no alert is firing")
    with Notifications(lambda: stack.url("receiver", 8000), tmp_path / "notifications.jsonl") as following:
        yield following
    wait_until(
        lambda: not noise(stack),
        timeout_s=QUIET_S,
        what="no alert is firing",
        why_not=lambda: str(noise(stack)),
    )


def noise(stack: Stack) -> set[str]:
    return firing(stack.url("alertmanager", 9093)) - {"Watchdog"}


def rings(pager: Notifications, alerts: Collection[str], since: float, status: str = "firing") -> None:
    """One of ``alerts`` arrives on all three channels, soon."""
    deadline = time.monotonic() + SOON_S
    arrivals = [
        pager.wait_first(alerts, channel, since, max(0.0, deadline - time.monotonic()), status)
        for channel in sorted(CHANNELS)
    ]
    came = [(round(each.t - since, 1), each.channel, each.status, each.alerts) for each in pager.arrivals()]
    assert all(arrivals), f"{alerts} {status} did not ring on every channel within {SOON_S} s: {came}"


@contextmanager
def injected(fault: Fault) -> Iterator[float]:
    """The fault, in effect, with the monotonic time at which it was injected; healed afterwards.

    On a busy machine the engine may tell of it later than the pager does.
    """
    fault.prepare()
    began = time.monotonic()
    fault.inject()
    try:
        fault.wait_effective(10)
        yield began
    finally:
        fault.heal()
        fault.wait_healed(30)


def watchdog(stack: Stack) -> dict[str, Any]:
    state: dict[str, Any] = httpx.get(f"{stack.url('receiver', 8000)}/watchdog", trust_env=False).json()
    return state


def test_a_stack_that_has_just_started_rings_nobody_but_is_watched(stack: Stack, readers: None) -> None:
    """From its start on, through the moment when load begins."""
    wait_until(lambda: watchdog(stack)["heard"] >= 2, timeout_s=SOON_S + 5, what="the dead man's switch")
    assert watchdog(stack)["age_s"] < 12
    assert noise(stack) == set()
    ever = httpx.get(f"{stack.url('receiver', 8000)}/notifications", trust_env=False).json()
    assert ever == []


def test_a_dead_dashboard_rings_and_its_return_is_told(stack: Stack, pager: Notifications) -> None:
    with injected(KillContainer(stack, "dashboard")) as dead:
        rings(pager, ["DashboardDown"], dead)
        back = time.monotonic()
    rings(pager, ["DashboardDown"], back, "resolved")


def test_a_crash_that_healed_itself_rings_and_is_over(stack: Stack, pager: Notifications) -> None:
    """As a restart; on a machine so busy that it takes longer than 3 s, as an outage."""
    with injected(KillProcess(stack, "dashboard")) as crashed:
        rings(pager, ("DashboardRestarted", "DashboardDown"), crashed)
    wait_until(lambda: not noise(stack), timeout_s=QUIET_S, what="nothing fires any more")


def test_a_dead_redis_rings_and_so_do_its_symptoms(stack: Stack, pager: Notifications) -> None:
    with injected(KillContainer(stack, "redis")) as dead:
        for alert in ("RedisDown", "CacheDegraded", "DatabaseLoadHigh"):
            rings(pager, [alert], dead)
    rang = {alert for arrival in pager.arrivals() for alert in arrival.alerts}
    assert "DashboardDown" not in rang
    assert "DashboardErrors" not in rang


def test_a_full_redis_rings_for_its_memory(stack: Stack, pager: Notifications) -> None:
    with injected(FillMemory(stack, "redis")) as full:
        rings(pager, ["RedisMemoryCritical"], full)
        rings(pager, ["CacheDegraded"], full)
    rang = {alert for arrival in pager.arrivals() for alert in arrival.alerts}
    assert "RedisDown" not in rang
