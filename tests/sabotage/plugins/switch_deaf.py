"""The dead man's switch waits for ever before it misses anybody."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    patience = {"before": "86400", "stopped": "15"}.get(phase)
    if patience:
        drill.stack.compose(
            "up", "--detach", "--wait", "--no-deps", "--no-build", "receiver",
            env={"DRILL_RECEIVER_PATIENCE": patience},
        )  # fmt: skip
