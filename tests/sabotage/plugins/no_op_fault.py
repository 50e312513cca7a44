"""The fault does nothing."""

from __future__ import annotations

from chaos.fault import Fault
from chaos.noop import Noop
from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    """What the machine does of itself within a few seconds is not what the fault did."""
    if phase == "before":
        calm = drill.settings.model_copy(update={"performance_factor": 10.0, "steady_availability": 0.9})
        drill.run.plan = drill.run.plan.model_copy(update={"drill": calm})


def pytest_drill_fault(drill: Drill, fault: Fault) -> Fault:
    return Noop(drill.stack, fault.targets[0])
