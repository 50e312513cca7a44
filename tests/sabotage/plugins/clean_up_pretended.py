"""The disk is not cleaned: the retention only says what it would remove."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.cleaning import clean_instead_by


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        clean_instead_by("docker exec {backup} drbackup retention --dry-run")
