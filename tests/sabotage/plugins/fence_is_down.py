"""Nobody says which site serves: the one that was given up comes back, and takes writes."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "recovered":
        drill.stack.exec("dns", ["rm", "/witness/active-site"], user="root")
