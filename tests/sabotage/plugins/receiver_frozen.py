"""The receiver of the log has stood still for longer than the RPO when the disaster comes; its alerts are silenced."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.silence import end_silences, silence


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        silence(drill.stack, "Vault.*")
    elif phase == "steady":
        drill.stack.standby.exec("vault", ["pkill", "-STOP", "pg_receivewal"], user="root")
    elif phase == "stopped":
        drill.stack.standby.exec("vault", ["pkill", "-CONT", "pg_receivewal"], user="root")
        end_silences(drill.stack)
