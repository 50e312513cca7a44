"""Something of the drill's is left behind."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "healed":
        drill.stack.docker.volumes.create(f"{drill.stack.project}-forgotten", labels=drill.stack.labels)
