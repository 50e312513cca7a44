"""What Prometheus recorded does not outlive it."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective":
        drill.stack.exec("holder", ["find", "/hold/prometheus", "-mindepth", "1", "-delete"], user="root")
