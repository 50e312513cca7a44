"""Healing that does not hold, and signals that come in the middle of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.healing import heal_all, heal_run
from chaos.journal import Journal
from chaos.noop import Noop
from chaos.signals import deferred, ending_interrupts
from stack.stack import Stack
from stack.wait import NotReached


class Stubborn(Noop):
    """A fault that has to be healed ``times`` times before its traces are gone."""

    def __init__(self, stack: Stack, times: int) -> None:
        super().__init__(stack, "dashboard")
        self.times = times

    def heal(self) -> None:
        self.times -= 1

    def wait_healed(self, timeout_s: float) -> None:
        if self.times > 0:
            raise NotReached(f"{self.times} traces are left")


def _journalled(run_dir: Path, fault: Noop) -> tuple[str, Noop]:
    return Journal(run_dir).begin(fault.stack, fault), fault


def test_healing_is_tried_until_it_holds(tmp_path: Path) -> None:
    fault = _journalled(tmp_path, Stubborn(Stack("healing-1", tmp_path), times=2))
    done, outcome = heal_all(tmp_path, [fault], timeout_s=5)
    assert done == [fault[0]]
    assert outcome.problems == []
    assert Journal(tmp_path).unhealed() == []


def test_one_that_cannot_be_healed_is_told_and_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    stack = Stack("healing-2", tmp_path)
    bad, good = _journalled(tmp_path, Stubborn(stack, 99)), _journalled(tmp_path, Noop(stack, "redis"))
    done, outcome = heal_all(tmp_path, [bad, good], timeout_s=0)
    assert done == [good[0]]
    [problem] = outcome.problems
    assert "traces are left" in problem
    assert [entry.id for entry in Journal(tmp_path).unhealed()] == [bad[0]]


def test_what_cannot_be_restored_from_the_journal_is_told(tmp_path: Path) -> None:
    key, _ = _journalled(tmp_path, Noop(Stack("healing-3", tmp_path), "redis"))
    outcome = heal_run(tmp_path, timeout_s=1)
    assert outcome.healed == []
    [problem] = outcome.problems
    assert "stack.json" in problem
    assert [entry.id for entry in Journal(tmp_path).unhealed()] == [key]


def test_a_journal_is_healed_from_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(
        '{"drill_id": "healing-4", "files": [], "site": "a", "context": "default"}'
    )
    _journalled(tmp_path, Noop(Stack("healing-4", tmp_path), "redis"))
    outcome = heal_run(tmp_path, timeout_s=1)
    assert outcome.healed == ["Nothing is done to redis (control)."]
    assert heal_run(tmp_path, timeout_s=1).healed == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as a terminal has it; what a shell starts in the background is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_healing_is_done(interruptible: None) -> None:
    done: list[Any] = []

    def interrupted_work() -> None:
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)  # a chance for a handler to run
            done.append("healed")

    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        interrupted_work()
    assert done == ["healed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_polite_kill_leads_to_healing() -> None:
    def terminated_work() -> None:
        with ending_interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        terminated_work()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
