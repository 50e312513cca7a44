"""A dump that was cut off before it was compressed: gzip finds nothing wrong with it."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
data = content(newest())
rewrite(newest(), data[: len(data) // 2])
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
