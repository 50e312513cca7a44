"""The far end of Alertmanager: where a webhook, a Slack message and a page arrive, and can be asked for.

``GET /notifications?after=N&wait=S`` answers with what came after sequence number N, waiting up to S seconds for the
first of it. ``GET /watchdog`` says when the dead man's switch was last heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException

KEPT = 10_000


def create_app() -> FastAPI:
    """The receiver, remembering the newest notifications only."""
    app = FastAPI(title="Drill receiver")
    kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
    arrived = asyncio.Condition()
    heard: dict[str, str | None] = {"watchdog_utc": None}

    async def keep(channel: str, status: str, alerts: list[str], summary: str) -> None:
        async with arrived:
            kept.append(
                {
                    "seq": kept[-1]["seq"] + 1 if kept else 1,
                    "channel": channel,
                    "received_utc": datetime.now(UTC).isoformat(),
                    "status": status,
                    "alerts": alerts,
                    "summary": summary,
                }
            )
            arrived.notify_all()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/webhook")
    async def webhook(body: dict[str, Any]) -> dict[str, str]:
        """Alertmanager's own format, version 4."""
        alerts = sorted({alert["labels"]["alertname"] for alert in body["alerts"]})
        await keep("webhook", body["status"], alerts, body["commonAnnotations"].get("summary", ""))
        return {"status": "ok"}

    @app.post("/slack")
    async def slack(body: dict[str, Any]) -> dict[str, bool]:
        """A Slack message; its title is ``[status] alertname``, as our route writes it."""
        attachment = body["attachments"][0]
        status, _, name = attachment["title"].partition("] ")
        await keep("slack", status.lstrip("["), [name], attachment.get("text", ""))
        return {"ok": True}

    @app.post("/pagerduty", status_code=202)
    async def pagerduty(body: dict[str, Any]) -> dict[str, str]:
        """PagerDuty's Events API v2."""
        statuses = {"trigger": "firing", "resolve": "resolved"}
        if body.get("event_action") not in statuses:
            raise HTTPException(400, "event_action is neither trigger nor resolve")
        payload = body.get("payload") or {}
        details = payload.get("custom_details") or {}
        await keep("pagerduty", statuses[body["event_action"]], [details.get("alertname", "")], payload.get("summary", ""))
        return {"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key", "")}

    @app.post("/watchdog")
    async def watchdog(body: dict[str, Any]) -> dict[str, str]:
        heard["watchdog_utc"] = datetime.now(UTC).isoformat()
        return {"status": "ok"}

    @app.get("/watchdog")
    async def last_heard() -> dict[str, str | None]:
        return heard

    @app.get("/notifications")
    async def notifications(after: int = 0, wait: float = 0) -> list[dict[str, Any]]:
        def newer() -> list[dict[str, Any]]:
            return [entry for entry in kept if entry["seq"] > after]

        async with arrived:
            if wait > 0 and not newer():
                try:
                    await asyncio.wait_for(arrived.wait_for(lambda: bool(newer())), min(wait, 30))
                except TimeoutError:
                    return []
            return newer()

    return app


app = create_app()
