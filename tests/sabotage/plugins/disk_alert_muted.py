"""The alerts of disks that fill never fire."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.silence import end_silences, silence


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        silence(drill.stack, "Disk.*")
    elif phase == "stopped":
        end_silences(drill.stack)
