"""After healing, the dashboard is on its network without the name it is known by."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "stopped":
        container = drill.stack.container("dashboard")
        name = next(iter(container.attrs["NetworkSettings"]["Networks"]))
        network = drill.stack.docker.networks.get(name)
        network.disconnect(container)
        network.connect(container)
