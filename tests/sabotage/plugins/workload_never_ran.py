"""No write is ever sent through the service."""

from __future__ import annotations

from fixtures.drill import Drill
from fixtures.watch import Watch


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        idle = drill.settings.model_copy(update={"api_writes_per_s": 0.0})
        drill.watch = Watch(drill.stack, idle, drill.folder)
