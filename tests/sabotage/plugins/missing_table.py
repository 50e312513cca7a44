"""A dump in which one table is missing."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = r"""
rewrite(newest(), pg_dump("--exclude-table=public.products"))
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
