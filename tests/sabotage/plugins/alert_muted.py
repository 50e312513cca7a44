"""Somebody has silenced the dashboard's alerts, and forgotten it."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.silence import end_silences, silence


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        silence(drill.stack, "Dashboard.*")
    elif phase == "stopped":
        end_silences(drill.stack)
