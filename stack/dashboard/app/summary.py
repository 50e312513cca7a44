"""The summary, through the cache; when that is gone, from the database, and it is said so."""

from __future__ import annotations

from typing import Literal

from app.cache import Cache, CacheUnusable
from app.flight import SingleFlight
from app.metrics import CACHE_BYPASS, CACHE_HITS, CACHE_MISSES
from app.shop import Shop

Served = Literal["hit", "miss", "bypass"]

_KEY = "dashboard:summary:1"


class Summaries:
    """Serves summaries. However many ask at once, the database is asked for one at a time."""

    def __init__(self, shop: Shop, cache: Cache) -> None:
        self._shop = shop
        self._cache = cache
        self._make = SingleFlight(self._make_and_keep)

    async def get(self) -> tuple[bytes, Served]:
        """A summary as JSON, and where it comes from.

        :raises app.database.Unavailable: when it is not in the cache and the database cannot be asked.
        """
        try:
            kept = await self._cache.get(_KEY)
        except CacheUnusable:
            CACHE_BYPASS.inc()
            body, _ = await self._make()
            return body, "bypass"
        if kept is not None:
            CACHE_HITS.inc()
            return kept, "hit"
        body, stored = await self._make()
        if not stored:
            CACHE_BYPASS.inc()
            return body, "bypass"
        CACHE_MISSES.inc()
        return body, "miss"

    async def _make_and_keep(self) -> tuple[bytes, bool]:
        body = await self._shop.summary()
        try:
            await self._cache.set(_KEY, body)
        except CacheUnusable:
            return body, False
        return body, True
