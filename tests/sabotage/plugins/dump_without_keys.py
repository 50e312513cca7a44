"""A dump of all rows, but of no key, no index and no trigger."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
rewrite(newest(), pg_dump("--section=pre-data", "--section=data"))
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "backed up":
        spoil(drill.stack, SCRIPT)
