"""The memory check of the runbook finds no memory critical, however full it is."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        careless = drill.settings.model_copy(update={"memory_critical": 2.0})
        drill.run.plan = drill.run.plan.model_copy(update={"drill": careless})
