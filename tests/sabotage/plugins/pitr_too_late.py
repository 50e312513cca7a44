"""The recovery stops behind the mistake instead of before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from fixtures.drill import Drill
from recovery import scenario_2


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        rewind = scenario_2.rewind

        def too_late(plan, to):  # type: ignore[no-untyped-def]
            return rewind(plan, (datetime.fromisoformat(to) + timedelta(seconds=30)).isoformat())

        scenario_2.rewind = too_late
