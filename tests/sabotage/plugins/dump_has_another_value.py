"""A dump in which one sale has another quantity."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = r"""
data = content(newest())
start = data.index(b"COPY public.sales")
first = data.index(b"\n", start) + 1
end = data.index(b"\n", first)
row = data[first:end].split(b"\t")
row[3] = b"7"
rewrite(newest(), data[:first] + b"\t".join(row) + data[end:])
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "backed up":
        spoil(drill.stack, SCRIPT)
