"""The boxes of DRP Scenario 3 that the live stack can be asked for; the others need a drill's evidence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import redis

from chaos.redis_client import redis_client
from plan.model import DrillSettings
from recovery.boxes import Examine, Finding
from recovery.client import Client
from recovery.database import ask_database
from recovery.redis_memory import used_share
from stack.stack import Stack
from stack.wait import NotReached, wait_until


class RedisBoxes:
    """Examines a Redis that is recovering, and the cache that the dashboard keeps in it."""

    def __init__(self, stack: Stack, client: Client, settings: DrillSettings) -> None:
        self._stack = stack
        self._client = client
        self._timeout_s = settings.request_timeout.total_seconds()
        self._critical = settings.memory_critical
        self._reads = settings.cache_reads
        self._hit_ratio = settings.cache_hit_ratio
        self._stale_after_s = settings.summary_stale_after.total_seconds()

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {"redis-accepting": self.accepting, "cache-rebuilding": self.rebuilding}

    def accepting(self) -> Finding:
        """Redis accepts connections, has loaded its data, and has memory left for more."""
        with self._redis() as client:
            started = time.monotonic()
            client.ping()
            took_ms = 1000 * (time.monotonic() - started)
            loading = client.info("persistence")["loading"]
            share = used_share(client.info("memory"))
        evidence = f"PONG in {took_ms:.1f} ms, {share:.0%} of maxmemory used"
        if loading:
            return Finding(False, f"{evidence}, still loading its snapshot")
        if share > self._critical:
            return Finding(False, f"{evidence}: critical from {self._critical:.0%}")
        return Finding(True, evidence)

    def rebuilding(self) -> Finding:
        """The cache answers, by the dashboard's word and Redis' own count, and what it answers is fresh."""
        with self._redis() as client:
            before = client.info("stats")
            served = [self._client.ask("GET", "/api/summary") for _ in range(self._reads)]
            after = client.info("stats")
        failed = sum(answer.status_code != 200 for answer in served)
        hits = sum(answer.headers.get("X-Cache") == "hit" for answer in served)
        kept = after["keyspace_hits"] - before["keyspace_hits"]
        asked = kept + after["keyspace_misses"] - before["keyspace_misses"]
        evidence = (
            f"{hits} of {self._reads} reads served from the cache; Redis counted {kept} hits of {asked}"
        )
        enough = min(hits / self._reads, kept / asked if asked > 0 else 0) >= self._hit_ratio
        if failed:
            return Finding(False, f"{failed} of {self._reads} reads failed")
        if not enough:
            return Finding(False, f"{evidence}: {self._hit_ratio:.0%} of each are wanted")
        fresh = self._fresh()
        return Finding(fresh.holds, f"{evidence}; {fresh.evidence}")

    def _fresh(self) -> Finding:
        """Whether the summary catches up with the database before it counts as stale."""
        (sold,) = ask_database(self._stack, "SELECT count(*) FROM sales")
        started = time.monotonic()
        seen = 0
        age_s = float("inf")

        def caught_up() -> bool:
            nonlocal seen, age_s
            summary = self._client.ask("GET", "/api/summary").json()
            seen = summary["sales_count"]
            age_s = (datetime.now(UTC) - datetime.fromisoformat(summary["generated_at"])).total_seconds()
            return seen >= sold and age_s <= self._stale_after_s

        try:
            wait_until(caught_up, timeout_s=self._stale_after_s, what="the summary catches up")
        except NotReached as error:
            if error.__cause__:
                return Finding(False, f"the summary cannot be read: {error.__cause__!r}")
            return Finding(
                False,
                f"the summary is stale: {seen} sales, {age_s:.1f} s old, where the database had {sold} "
                f"{self._stale_after_s:g} s ago",
            )
        return Finding(
            True, f"the summary had {sold} sales {time.monotonic() - started:.1f} s after the database"
        )

    @contextmanager
    def _redis(self) -> Iterator[redis.Redis]:
        """Redis itself, past the proxy, asked once and in bounded time.

        :raises redis.ConnectionError: also while it publishes no port.
        """
        with ExitStack() as exits:
            try:
                client = exits.enter_context(redis_client(self._stack, "redis", self._timeout_s))
            except LookupError as error:
                raise redis.ConnectionError(str(error)) from error
            yield client
