"""The runbooks by name."""

from __future__ import annotations

from plan.errors import UserError
from plan.model import Plan
from recovery import monitoring_lost, scenario_1, scenario_2, scenario_3, scenario_4
from recovery.runbook import Runbook

_RUNBOOKS = {
    scenario_1.NAME: scenario_1.runbook,
    scenario_2.NAME: scenario_2.runbook,
    scenario_3.NAME: scenario_3.runbook,
    scenario_4.NAME: scenario_4.runbook,
    monitoring_lost.NAME: monitoring_lost.runbook,
}
NAMES = tuple(_RUNBOOKS)
"""Each is the key of its scenario in ``drp.toml``."""


def find_runbook(name: str, plan: Plan) -> Runbook:
    """The runbook of that name.

    :raises UserError: when there is none, or the plan lacks what it carries out.
    """
    if name not in _RUNBOOKS:
        raise UserError(f"there is no runbook {name!r}", f"name one of these: {', '.join(NAMES)}")
    try:
        return _RUNBOOKS[name](plan)
    except (KeyError, IndexError) as error:
        raise UserError(
            f"the runbook {name} carries out steps that the plan does not have: [scenarios.{name}] is not there, "
            "or lacks some of them",
            f"give [scenarios.{name}] in the plan the steps of the DRP, in their order",
        ) from error
