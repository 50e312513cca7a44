"""No RDB of the cache is kept any more, for whatever reason: the other kinds are there and whole."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
import shutil
shutil.rmtree(root / "redis")
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
