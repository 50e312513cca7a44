"""One segment of the log is missing in the archive."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
before = len(segments())
for _ in range(3):
    write_a_segment()
until(lambda: len(segments()) >= before + 3, "nothing is archived")
segments()[-2].unlink()
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
