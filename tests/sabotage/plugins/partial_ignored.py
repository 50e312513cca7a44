"""The restore takes complete segments only: the newest log is in the one that is not."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective":
        # Hidden where the receiver does not look for it: its server is gone.
        script = "cd /vault/wal && for f in *.partial; do mv $f /vault/.$f; done"
        drill.stack.standby.exec("vault", ["sh", "-c", script], user="root")
