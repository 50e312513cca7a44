"""The disk is cleaned by the plan's letter: whatever is older than 7 days goes, be it needed or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.drill import Drill
from plan.model import Plan
from recovery import catalog, scenario_4
from recovery.runbook import Runbook, Rung

LETTER = "docker exec {backup} find /backups -mtime +7 -delete"
RETENTION = "docker exec {backup} drbackup retention"


def by_age(plan: Plan) -> Runbook:
    runbook = scenario_4.runbook(plan)
    return replace(runbook, ladder=tuple(_by_age(rung) for rung in runbook.ladder))


def _by_age(rung: Rung) -> Rung:
    steps = [replace(step, command=LETTER) if step.command == RETENTION else step for step in rung.steps]
    assert tuple(steps) != rung.steps, "the runbook has no such step any more"
    return replace(rung, steps=tuple(steps))


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        patch = pytest.MonkeyPatch()
        patch.setitem(catalog._RUNBOOKS, scenario_4.NAME, by_age)
