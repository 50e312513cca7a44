"""The validation of a scenario on the live stack."""

from __future__ import annotations

from measure.baseline import Baseline
from plan.model import Plan
from recovery import monitoring_lost, scenario_1, scenario_2, scenario_3, scenario_4, scenario_5
from recovery.boxes import Examine, recovery_time, validation
from recovery.client import Client
from recovery.dashboard_boxes import DashboardBoxes
from recovery.database_boxes import DatabaseBoxes
from recovery.disk_boxes import DiskBoxes
from recovery.model import Validate
from recovery.monitoring_boxes import MonitoringBoxes
from recovery.redis_boxes import RedisBoxes
from recovery.site_boxes import SiteBoxes
from stack.stack import Stack


def live_validation(
    name: str,
    plan: Plan,
    stack: Stack,
    client: Client,
    *,
    since: float,
    t_zero: float | None = None,
    before: Baseline | None = None,
) -> Validate:
    """Examines all boxes of a scenario that can be asked of the live stack.

    A box that cannot is not among the results: data loss is for the ledger, performance for what the observer
    measured before the fault.

    :param since: when recovery began, in monotonic seconds.
    :param before: the data that was there before the fault; None where nobody has recorded it.
    :param t_zero: when the fault took effect, in monotonic seconds; None: not known, and then neither is the
        recovery time.
    :raises KeyError: for a name that is no scenario with a runbook.
    """
    scenario = plan.scenarios[name]
    examine: dict[str, Examine] = {
        scenario_1.NAME: lambda: DashboardBoxes(stack, client, plan.drill, since).examiners,
        scenario_2.NAME: lambda: DatabaseBoxes(stack, client, before).examiners,
        scenario_3.NAME: lambda: RedisBoxes(stack, client, plan.drill).examiners,
        scenario_4.NAME: lambda: DiskBoxes(stack, client, plan.drill, since).examiners,
        scenario_5.NAME: lambda: SiteBoxes(stack, client, before, plan.drill).examiners,
        monitoring_lost.NAME: lambda: (
            MonitoringBoxes(
                stack, client, plan.drill, since, plan.components[scenario.component].rpo
            ).examiners
        ),
    }[name]()
    if t_zero is not None:
        examine["recovery-time"] = recovery_time(t_zero, scenario.rto)
    return validation(scenario, examine)
