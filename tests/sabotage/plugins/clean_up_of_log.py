"""The disk is cleaned of the archived log: it is big, and nobody seems to need it."""

from __future__ import annotations

from fixtures.drill import Drill
from tests.sabotage.cleaning import clean_instead_by


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        clean_instead_by("docker exec {backup} find /wal_archive -type f -delete")
