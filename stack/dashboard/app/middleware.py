"""Counts, times and logs every request (plain ASGI: the framework's own class costs twice as much)."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.metrics import REQUESTS, SECONDS

log = logging.getLogger("dashboard.request")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ERROR_KIND = "dashboard.error"
"""Where in the scope a route leaves a word on why it failed, for the log."""

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Asked all day long by machines: worth a line only when they find something.
_ROUTINE = {"/metrics", "/api/health"}


class Observed:
    """Wraps the application; each answer carries the request's id, the caller's own if it sent one."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode("latin-1")))
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            _record(scope, request_id, status, time.perf_counter() - started)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 0 < len(value) <= 64 and value.isalnum():
            return str(value.decode("latin-1"))
    return uuid.uuid4().hex


def _record(scope: Scope, request_id: str, status: int, took_s: float) -> None:
    # The route's pattern, and known methods only: labels for what somebody makes up would never end.
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(took_s)
    level = logging.INFO
    if status >= 500:
        level = logging.ERROR if status == 500 else logging.WARNING
    elif route in _ROUTINE:
        level = logging.DEBUG
    if log.isEnabledFor(level):
        fields = {
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_s": round(took_s, 5),
        }
        if ERROR_KIND in scope:
            fields["error"] = scope[ERROR_KIND]
        log.log(level, "request", extra={"fields": fields})
