"""What tests of faults share; the module's own ``stack`` is what they break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos.injector import Injector
from chaos.journal import Journal
from chaos.snapshot import snapshot
from chaos.watchdog import Watchdog
from fixtures.residue import left_behind
from stack.stack import Stack


@pytest.fixture(scope="module")
def watchdog(stack: Stack) -> Iterator[Watchdog]:
    """The run's watchdog."""
    with Watchdog(stack.run_dir) as watching:
        yield watching


@pytest.fixture
def injector(stack: Stack, watchdog: Watchdog) -> Iterator[Injector]:
    """An injector, and the proof that the test has left no trace."""
    before = snapshot(stack)
    with Injector(stack, ["default"], watchdog, healed_timeout_s=20) as injecting:
        yield injecting
    assert left_behind(stack, before, 20) == []
    assert Journal(stack.run_dir).unhealed() == []
