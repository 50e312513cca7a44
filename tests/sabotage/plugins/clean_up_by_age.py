"""The disk is cleaned by the plan's letter: whatever is older than 7 days goes, be it needed or not."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.cleaning import clean_instead_by


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        clean_instead_by("docker exec {backup} find /backups -mtime +7 -delete")
