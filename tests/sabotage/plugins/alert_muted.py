"""Somebody has silenced the alerts, and forgotten it."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.silence import end_silences, silence


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        silence(drill.stack, "Da.*")
    elif phase == "stopped":
        end_silences(drill.stack)
