"""The cache. It may be gone at any time: then the answer comes from the database, and says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.metrics import CACHE_BYPASS, CACHE_HITS, CACHE_MISSES
from app.settings import Settings

log = logging.getLogger("dashboard.cache")

Served = Literal["hit", "miss", "bypass"]


class Cache:
    """Redis, asked with short time-outs, and left alone for a moment after it failed."""

    def __init__(self, settings: Settings) -> None:
        self._ttl_s = settings.cache_ttl_s
        self._pause_s = settings.retry_after_s
        self._unusable_until = 0.0
        self._pending: dict[str, asyncio.Task[bytes]] = {}
        self._redis = redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=settings.redis_timeout_s,
            socket_connect_timeout=settings.redis_timeout_s,
            # redis-py would retry silently; a cache that has to be waited for is none.
            retry=Retry(NoBackoff(), 0),
            max_connections=64,
        )

    async def close(self) -> None:
        """Give up every connection."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Ask Redis.

        :raises RedisError: when it does not answer in time.
        """
        await self._redis.ping()

    async def get(self, key: str, compute: Callable[[], Awaitable[bytes]]) -> tuple[bytes, Served]:
        """The cached value of ``key``, or what ``compute`` makes; concurrent callers share one computation."""
        try:
            kept = await self._try(self._redis.get(key))
        except RedisError:
            CACHE_BYPASS.inc()
            return await self._computed(key, compute), "bypass"
        if kept is not None:
            CACHE_HITS.inc()
            return kept, "hit"
        value = await self._computed(key, compute)
        try:
            await self._try(self._redis.set(key, value, ex=self._ttl_s))
        except RedisError:
            CACHE_BYPASS.inc()
            return value, "bypass"
        CACHE_MISSES.inc()
        return value, "miss"

    async def _computed(self, key: str, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        task = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(compute())
            self._pending[key] = task
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return await asyncio.shield(task)

    async def _try(self, call: Awaitable[bytes | None]) -> bytes | None:
        if time.monotonic() < self._unusable_until:
            if asyncio.iscoroutine(call):
                call.close()
            raise RedisError("left alone after a failure")
        try:
            return await call
        except RedisError as error:
            self._unusable_until = time.monotonic() + self._pause_s
            log.warning("cache unusable", extra={"fields": {"error": type(error).__name__}})
            raise
