"""Somebody has silenced the alerts, and forgotten it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    alertmanager = drill.stack.url("alertmanager", 9093)
    if phase == "before":
        now = datetime.now(UTC)
        httpx.post(
            f"{alertmanager}/api/v2/silences",
            json={
                "matchers": [{"name": "alertname", "value": "Da.*", "isRegex": True, "isEqual": True}],
                "startsAt": now.isoformat(),
                "endsAt": (now + timedelta(hours=1)).isoformat(),
                "createdBy": "saboteur",
                "comment": "forgotten",
            },
        ).raise_for_status()
    elif phase == "stopped":
        for silence in httpx.get(f"{alertmanager}/api/v2/silences").json():
            if silence["status"]["state"] == "active":
                httpx.delete(f"{alertmanager}/api/v2/silence/{silence['id']}").raise_for_status()
