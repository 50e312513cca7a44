"""DRP Test 2, "Service Failover": the dashboard recovers by itself within the 30 s SLA."""

from __future__ import annotations

import pytest

from chaos.kill_process import KillProcess
from fixtures.drill import Drill


@pytest.mark.monthly_drill(
    id="procedure-2/service-failover",
    scenario="dashboard-down",
    procedure="service-failover",
    title="Service failover",
)
def test_service_failover(drill: Drill) -> None:
    """The dashboard, killed, answers again within 30 s without a human hand. The process is killed, not the
    container: Docker takes `docker kill` for an operator's wish, and its restart policy would never act."""
    with drill:
        drill.hold_steady_state()
        drill.inject(KillProcess(drill.stack, "dashboard"))
        drill.await_self_healing("dashboard")
        drill.detect("DashboardRestarted", "DashboardDown")
        drill.verify()
