"""The fault does nothing."""

from __future__ import annotations

from chaos.fault import Fault
from chaos.noop import Noop
from fixtures.drill import Drill


def pytest_drill_fault(drill: Drill, fault: Fault) -> Fault:
    return Noop(drill.stack, fault.targets[0])
