"""The standby has the base of last night, and nothing of the log since."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective":
        drill.stack.standby.exec("vault", ["sh", "-c", "rm -f /vault/wal/0*"], user="root")
