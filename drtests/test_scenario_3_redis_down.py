"""DRP Scenario 3, "Redis Cache Down": detection < 3 minutes, RTO 5 minutes, nothing to lose but what can be rebuilt."""

from __future__ import annotations

import pytest

from chaos.fill_memory import FillMemory
from chaos.kill_container import KillContainer
from fixtures.drill import Drill


@pytest.mark.monthly_drill(id="scenario-3/redis-killed", scenario="redis-down", title="Redis killed")
def test_redis_killed(drill: Drill) -> None:
    """Without Redis the dashboard goes on answering from the database, slower; the engineer is paged within
    3 minutes, restarts Redis, the cache rebuilds and performance is back within 5 minutes, with no data lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(KillContainer(drill.stack, "redis"))
        drill.detect("RedisDown")
        drill.expect_degraded_service()
        drill.recover("redis-down")
        drill.verify()


@pytest.mark.monthly_drill(
    id="scenario-3/redis-out-of-memory", scenario="redis-down", title="Redis out of memory"
)
def test_redis_out_of_memory(drill: Drill) -> None:
    """A Redis that is full refuses writes, and a restart reloads the full snapshot: only when the memory check
    finds it critical does the runbook flush, and the cache rebuilds within 5 minutes, with no data lost."""
    with drill:
        drill.hold_steady_state()
        drill.inject(FillMemory(drill.stack, "redis"))
        drill.detect("RedisMemoryCritical", "CacheDegraded")
        drill.expect_degraded_service()
        drill.recover("redis-down")
        drill.verify()
