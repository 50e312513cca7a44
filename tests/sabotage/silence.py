"""Silences at Alertmanager, as somebody sets them and forgets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from stack.stack import Stack


def silence(stack: Stack, alerts: str) -> None:
    """Have no notification sent for the alerts whose names match a regular expression."""
    now = datetime.now(UTC)
    httpx.post(
        f"{stack.url('alertmanager', 9093)}/api/v2/silences",
        json={
            "matchers": [{"name": "alertname", "value": alerts, "isRegex": True, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "saboteur",
            "comment": "forgotten",
        },
    ).raise_for_status()


def end_silences(stack: Stack) -> None:
    """Have everything told again."""
    alertmanager = stack.url("alertmanager", 9093)
    for each in httpx.get(f"{alertmanager}/api/v2/silences").json():
        if each["status"]["state"] == "active":
            httpx.delete(f"{alertmanager}/api/v2/silence/{each['id']}").raise_for_status()
