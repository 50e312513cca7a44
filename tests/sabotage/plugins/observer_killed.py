"""The observer is killed in the middle of the outage."""

from __future__ import annotations

import os
import signal

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective" and drill.watch.observer:
        os.kill(drill.watch.observer.pid, signal.SIGKILL)
