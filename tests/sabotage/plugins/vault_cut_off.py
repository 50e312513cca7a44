"""The way between the sites is cut, and has been for longer than the RPO when the disaster comes."""

from __future__ import annotations

from chaos.toxiproxy import Toxiproxy
from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "steady":
        between = Toxiproxy.of(drill.stack)
        for name in ("wan-postgres", "wan-vault"):
            between.set_enabled(name, False)
