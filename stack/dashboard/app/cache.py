"""Redis, asked with a short time-out, and left alone while it is known to be gone.

A command that fails for want of an answer only raises a doubt: Redis is gone when it answers no ping either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.flight import SingleFlight
from app.metrics import CACHE_UP
from app.settings import Settings

log = logging.getLogger("dashboard.cache")

T = TypeVar("T")
GONE = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError)


_HEALTH_KEY = "dashboard:health:1"


class CacheUnusable(Exception):
    """Redis did not do what it was asked.

    :param kind: a word for the reason: ``ConnectionError``, ``TimeoutError``, ``OutOfMemoryError``, …
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class CacheRefuses(CacheUnusable):
    """Redis is there, and says no."""


class Cache:
    """Reads and writes of Redis, each bounded by ``redis_timeout_s``."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.redis_timeout_s
        self._retry_every_s = settings.retry_every_s
        self._ttl_s = settings.cache_ttl_s
        self._why_gone: str | None = None
        self._why_refused: str | None = None
        self._looking: asyncio.Task[None] | None = None
        # Health checks that come together share an answer: they must not queue for a Redis that gives none.
        self.ping = SingleFlight(self._ping)
        self._redis = redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=settings.redis_timeout_s,
            socket_connect_timeout=settings.redis_timeout_s,
            # redis-py would retry silently; a cache that has to be waited for is none.
            retry=Retry(NoBackoff(), 0),
            max_connections=64,
        )
        CACHE_UP.set(1)

    async def close(self) -> None:
        """Give up every connection."""
        if self._looking:
            self._looking.cancel()
        await self._redis.aclose()

    async def examine(self) -> None:
        """Ask, for a health check. A Redis that is full answers a ping, and is no cache all the same.

        :raises CacheUnusable: when Redis does not answer, or refused the newest write and refuses another.
        """
        await self.ping()
        if self._why_refused is not None:
            await self.set(_HEALTH_KEY, b"asked")

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``; None when there is none.

        :raises CacheUnusable: when Redis cannot be asked, or refuses.
        """
        # Bytes: the client decodes no answers.
        return cast("bytes | None", await self._ask(lambda: self._redis.get(key)))

    async def set(self, key: str, value: bytes) -> None:
        """Keep ``value`` for ``cache_ttl_s``.

        :raises CacheUnusable: when Redis cannot be asked, or refuses; as it does when its memory is full.
        """
        try:
            await self._ask(lambda: self._redis.set(key, value, ex=self._ttl_s))
        except CacheRefuses as error:
            if self._why_refused != error.kind:
                self._why_refused = error.kind
                log.warning("redis refuses writes", extra={"fields": {"error": error.kind}})
            raise
        if self._why_refused is not None:
            self._why_refused = None
            log.info("redis takes writes again")

    async def _ping(self) -> None:
        """Really ask, whatever is thought of it.

        :raises CacheUnusable: when Redis does not answer, or refuses.
        """
        try:
            await self._bounded(self._redis.ping)
        except (*GONE, RedisError) as error:
            raise CacheUnusable(_kind(error)) from error

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T:
        if self._why_gone is not None:
            raise CacheUnusable(self._why_gone)
        try:
            return await self._bounded(command)
        except GONE as error:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look_for_it())
            raise CacheUnusable(_kind(error)) from error
        except RedisError as error:
            raise CacheRefuses(_kind(error)) from error

    async def _bounded(self, command: Callable[[], Awaitable[T]]) -> T:
        # redis-py's own time-outs count anew for each step; this one is for all of them.
        async with asyncio.timeout(self._timeout_s):
            return await command()

    async def _look_for_it(self) -> None:
        while not await self._is_there():
            await asyncio.sleep(self._retry_every_s)
        self._looking = None

    async def _is_there(self) -> bool:
        try:
            await self.ping()
        except CacheUnusable as error:
            if self._why_gone is None:
                CACHE_UP.set(0)
                log.warning("redis not reachable", extra={"fields": {"error": error.kind}})
            self._why_gone = error.kind
            return False
        if self._why_gone is not None:
            CACHE_UP.set(1)
            log.info("redis reached")
        self._why_gone = None
        return True


def _kind(error: Any) -> str:
    if isinstance(error, (RedisTimeoutError, TimeoutError)):
        return "TimeoutError"
    return "ConnectionError" if isinstance(error, OSError) else type(error).__name__
