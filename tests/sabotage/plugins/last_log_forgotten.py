"""The way back begins without the last of the log: the vault has lost the segment that it received last."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from fixtures.drill import Drill
from plan.model import Plan
from recovery import catalog, scenario_5
from recovery.runbook import Runbook, Rung, Step

# A server that stops begins a new segment: the last of what was written lies in the one before, which is whole.
FORGET = (
    "docker exec --user root {vault elsewhere} sh -c"
    " 'cd /vault/wal; rm *.partial; rm $(ls | grep -E ^[0-9A-F]+$ | tail -n 1)'"
)


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "recovered":
        # What was written before is in a whole segment then: only what comes after can be forgotten.
        with psycopg.connect(drill.stack.dsn(), autocommit=True) as server:
            server.execute("SELECT pg_switch_wal()")
        pytest.MonkeyPatch().setitem(catalog._MORE, scenario_5.FAILBACK, _spoiled)


def _spoiled(plan: Plan) -> Runbook:
    right = scenario_5.failback(plan)
    [rung] = right.ladder
    steps: list[Step] = []
    for step in rung.steps:
        if "activate-site" in step.command:
            steps.append(Step("Failback", "Forget the last of the log", FORGET, "", step.timeout_s))
        steps.append(step)
    assert len(steps) == len(rung.steps) + 1, "the runbook activates no site any more"
    return replace(right, ladder=(Rung(rung.name, tuple(steps)),))
