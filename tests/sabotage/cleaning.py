"""Saboteurs of Scenario 4: its runbook's step that thins out the backups is another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plan.model import Plan
from recovery import catalog, scenario_4
from recovery.runbook import Runbook, Rung

RETENTION = "docker exec {backup} drbackup retention"


def clean_instead_by(command: str) -> None:
    """From now on that step is ``command``."""

    def spoiled(rung: Rung) -> Rung:
        steps = [replace(step, command=command) if step.command == RETENTION else step for step in rung.steps]
        assert tuple(steps) != rung.steps, "the runbook has no such step any more"
        return replace(rung, steps=tuple(steps))

    def runbook(plan: Plan) -> Runbook:
        right = scenario_4.runbook(plan)
        return replace(right, ladder=tuple(spoiled(rung) for rung in right.ladder))

    pytest.MonkeyPatch().setitem(catalog._RUNBOOKS, scenario_4.NAME, runbook)
