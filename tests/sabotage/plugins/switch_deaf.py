"""The dead man's switch waits for ever before it misses anybody."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    patience = {"before": {"DRILL_RECEIVER_PATIENCE": "86400"}, "stopped": None}
    if phase in patience:
        drill.stack.compose(
            "up", "--detach", "--wait", "--no-deps", "--no-build", "receiver", env=patience[phase]
        )
