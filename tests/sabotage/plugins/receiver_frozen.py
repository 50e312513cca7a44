"""The receiver of the log has stood still for longer than the RPO when the disaster comes; its alerts are silenced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "before":
        now = datetime.now(UTC)
        httpx.post(
            f"{drill.stack.url('alertmanager', 9093)}/api/v2/silences",
            json={
                "matchers": [{"name": "alertname", "value": "Vault.*", "isRegex": True, "isEqual": True}],
                "startsAt": now.isoformat(),
                "endsAt": (now + timedelta(minutes=10)).isoformat(),
                "createdBy": "saboteur",
                "comment": "known, later",
            },
        ).raise_for_status()
    elif phase == "steady":
        drill.stack.standby.exec("vault", ["pkill", "-STOP", "pg_receivewal"], user="root")
    elif phase == "stopped":
        drill.stack.standby.exec("vault", ["pkill", "-CONT", "pg_receivewal"], user="root")
