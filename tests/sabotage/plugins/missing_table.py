"""A dump in which one table is missing."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = r"""
data = content(newest())
start = data.index(b"-- Data for Name: products;")
end = data.index(b"\\.\n", start) + 3
rewrite(newest(), data[:start] + data[end:])
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
