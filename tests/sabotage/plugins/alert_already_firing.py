"""The very alert that is to detect the fault fires before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase not in ("before", "stopped"):
        return
    ends = datetime.now(UTC) + (timedelta(minutes=5) if phase == "before" else timedelta(seconds=-1))
    httpx.post(
        f"{drill.stack.url('alertmanager', 9093)}/api/v2/alerts",
        json=[{"labels": {"alertname": "DashboardDown"}, "endsAt": ends.isoformat()}],
    ).raise_for_status()
