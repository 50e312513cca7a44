"""DRP Scenario 5, "Complete Data Center Failure": detection immediate, RTO 1-2 hours, RPO 1 minute."""

from __future__ import annotations

import pytest

from chaos.site_lost import SiteLost
from fixtures.drill import Drill


@pytest.mark.monthly_drill(
    id="scenario-5/site-lost", scenario="site-lost", title="Site lost, failover and failback"
)
def test_site_lost(drill: Drill, backed_up: None) -> None:
    """When everything in site a is destroyed, volumes too, the engineer is paged at once and site b takes over from
    what its vault has: clients who know the name alone are served there within 2 hours, of the acknowledged sales at
    most those of 1 minute are lost; the old site, should it come back, takes no writes; the way back loses none."""
    with drill:
        drill.hold_steady_state(cover_rpo=True, by_name=True)
        drill.inject(SiteLost(drill.stack))
        drill.detect("MonitoringLost")
        drill.fail_over("site-lost")
        drill.verify()
        drill.expect_fenced()
        drill.fail_back("failback")
