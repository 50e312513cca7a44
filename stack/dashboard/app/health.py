"""The state of each dependency, found by asking it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from app.cache import Cache, CacheUnusable
from app.database import Database, Unavailable


async def examine(database: Database, cache: Cache) -> tuple[int, dict[str, Any]]:
    """Ask both at once. Takes as long as the slower one, which is at most the database's time-out.

    :returns: HTTP status and body: 503 and ``down`` without the database; 200 and ``degraded`` without
        Redis.
    """
    on_database, on_redis = await asyncio.gather(_ask(database.ping), _ask(cache.examine))
    body = {"status": "ok", "dependencies": {"database": on_database, "redis": on_redis}}
    if on_database["state"] == "down":
        return 503, {**body, "status": "down"}
    if on_redis["state"] == "down":
        return 200, {**body, "status": "degraded"}
    return 200, body


async def _ask(ping: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    started = time.perf_counter()
    error = None
    try:
        await ping()
    except (Unavailable, CacheUnusable) as unusable:
        error = unusable.kind
    return {
        "state": "down" if error else "up",
        "latency_ms": round((time.perf_counter() - started) * 1000, 2),
        "error": error,
    }
