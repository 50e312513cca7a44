"""Something of the drill's is left behind."""

from __future__ import annotations

from fixtures.drill import Drill
from fixtures.procedure import Procedure


def pytest_drill_phase(drill: Drill | Procedure, phase: str) -> None:
    if phase in ("healed", "ended"):
        drill.stack.docker.volumes.create(f"{drill.stack.project}-forgotten", labels=drill.stack.labels)
