"""A file that fills a disk is left behind."""

from __future__ import annotations

from chaos.marks import FILE_PREFIX
from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "healed":
        drill.stack.exec("backup", ["touch", f"/backups/{FILE_PREFIX}-forgotten"], user="root")
