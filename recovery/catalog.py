"""The runbooks by name."""

from __future__ import annotations

from plan.errors import UserError
from plan.model import Plan
from recovery import monitoring_lost, scenario_1, scenario_2, scenario_3, scenario_4, scenario_5
from recovery.runbook import Runbook

_RUNBOOKS = {
    scenario_1.NAME: scenario_1.runbook,
    scenario_2.NAME: scenario_2.runbook,
    scenario_3.NAME: scenario_3.runbook,
    scenario_4.NAME: scenario_4.runbook,
    scenario_5.NAME: scenario_5.runbook,
    monitoring_lost.NAME: monitoring_lost.runbook,
}
_MORE = {scenario_5.FAILBACK: scenario_5.failback}
NAMES = tuple(_RUNBOOKS)
"""Each is the key of its scenario in ``drp.toml``."""
ALL_NAMES = (*NAMES, *_MORE)
"""Those too that the plan has no scenario of."""


def find_runbook(name: str, plan: Plan) -> Runbook:
    """The runbook of that name.

    :raises UserError: when there is none, or the plan lacks what it carries out.
    """
    if name not in ALL_NAMES:
        raise UserError(f"there is no runbook {name!r}", f"name one of these: {', '.join(ALL_NAMES)}")
    try:
        return {**_RUNBOOKS, **_MORE}[name](plan)
    except (KeyError, IndexError) as error:
        raise UserError(
            f"the runbook {name} carries out steps that the plan does not have: [scenarios.{name}] is not there, "
            "or lacks some of them",
            f"give [scenarios.{name}] in the plan the steps of the DRP, in their order",
        ) from error
