"""A dump in which one sale is missing."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = r"""
data = content(newest())
start = data.index(b"COPY public.sales")
first = data.index(b"\n", start) + 1
rewrite(newest(), data[:first] + data[data.index(b"\n", first) + 1 :])
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "backed up":
        spoil(drill.stack, SCRIPT)
