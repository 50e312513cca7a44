"""The restore takes complete segments only: all since the last of them is in the one that is not."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective":
        drill.stack.standby.exec("vault", ["sh", "-c", "rm -f /vault/wal/*.partial"], user="root")
