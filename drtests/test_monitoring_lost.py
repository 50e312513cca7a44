"""DRP, "RTO & RPO", Monitoring: RTO 30 minutes, RPO 1 hour of its own series. The DRP has no scenario for it."""

from __future__ import annotations

import pytest

from chaos.stop_monitoring import StopMonitoring
from fixtures.drill import Drill
from fixtures.effects import silent_monitoring

# The night's backups, which later drills need and one is about, are made while these are drilled: cron takes its time.
pytestmark = pytest.mark.usefixtures("night")


@pytest.mark.monthly_drill(
    id="monitoring/killed",
    scenario="monitoring-lost",
    section="RTO & RPO: Monitoring",
    title="Monitoring killed",
)
def test_monitoring_killed(drill: Drill) -> None:
    """When Prometheus and Alertmanager are dead, no alert can tell of it: the far end misses the one that always
    fires and pages; both are started by the runbook, and remember what they recorded. Clients notice nothing."""
    with drill:
        drill.hold_steady_state()
        drill.inject(StopMonitoring(drill.stack))
        drill.see(silent_monitoring(drill.stack, drill.settings))
        drill.detect("MonitoringLost")
        drill.recover("monitoring-lost")
        drill.verify()
        drill.expect_undisturbed_service()


@pytest.mark.monthly_drill(
    id="monitoring/removed",
    scenario="monitoring-lost",
    section="RTO & RPO: Monitoring",
    title="Monitoring removed",
)
def test_monitoring_removed(drill: Drill) -> None:
    """When the containers of Prometheus and Alertmanager are gone, the far end pages; the runbook makes them anew on
    their own volumes, with at most an hour of series lost. Clients notice nothing."""
    with drill:
        drill.hold_steady_state()
        drill.inject(StopMonitoring(drill.stack, remove=True))
        drill.see(silent_monitoring(drill.stack, drill.settings))
        drill.detect("MonitoringLost")
        drill.recover("monitoring-lost")
        drill.verify()
        drill.expect_undisturbed_service()
