"""Counts, times and logs every request (plain ASGI: the framework's own middleware class costs twice as much)."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.metrics import REQUESTS, SECONDS

log = logging.getLogger("dashboard.request")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Observed:
    """Wraps the application."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            took = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"]
            REQUESTS.labels(method, route, str(status)).inc()
            SECONDS.labels(method, route).observe(took)
            request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
            fields = {"request_id": request_id, "method": method, "path": scope["path"], "status": status}
            log.info("request", extra={"fields": {**fields, "duration_s": round(took, 5)}})
