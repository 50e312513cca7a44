"""The backup container is up, and its cron is not."""

from __future__ import annotations

from fixtures.procedure import Procedure


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "looking at the schedule":
        # Stopped, not ended: the container ends with it.
        drill.stack.exec("backup", ["pkill", "-STOP", "-x", "cron"], user="root")
