"""DRP Scenario 3, "Redis Cache Down": restart, and clear the cache only when its memory is critical."""

from __future__ import annotations

from functools import partial

from plan.model import Plan
from recovery.redis_memory import parse, used_share
from recovery.runbook import Condition, Hands, Runbook, Rung, Step

NAME = "redis-down"
_PING = "docker exec {redis} redis-cli PING"
_MEMORY = "docker exec {redis} sh -c \"redis-cli INFO memory | grep -E '^(used_memory|maxmemory):'\""
_STATS = "docker exec {redis} sh -c \"redis-cli INFO stats | grep -E '^(total_connections|keyspace)_'\""


def runbook(plan: Plan) -> Runbook:
    """The runbook, with the plan's titles, times and threshold."""
    scenario = plan.scenarios[NAME]
    timeout_s = plan.drill.step_timeout.total_seconds()
    validation_s = plan.drill.validation_timeout.total_seconds()
    critical = plan.drill.memory_critical
    check_memory = Step(
        *scenario.named(4),
        _MEMORY,
        f"used_memory is at most {critical:.0%} of maxmemory",
        timeout_s,
        verifies=True,
        wrong=partial(_too_full, critical),
    )
    return Runbook(
        name=NAME,
        section=scenario.heading,
        diagnose=Rung(
            "diagnose",
            (
                Step(*scenario.named(1), _PING, "PONG", timeout_s, wrong=partial(_lacks, "PONG")),
                Step(*scenario.named(1), "docker logs --tail 100 {redis}", "its last words", timeout_s),
            ),
        ),
        ladder=(
            Rung(
                "restart",
                (
                    Step(
                        *scenario.named(2),
                        "docker restart {redis}",
                        "it is started anew",
                        timeout_s,
                        note="of no use for a full memory: Redis saves it when it stops, and loads it again",
                    ),
                    Step(
                        *scenario.named(3),
                        _STATS,
                        "it answers with its statistics",
                        timeout_s=plan.drill.request_timeout.total_seconds(),
                        patience_s=validation_s,
                        verifies=True,
                        wrong=partial(_lacks, "keyspace_hits"),
                    ),
                    check_memory,
                ),
            ),
            Rung(
                "flush",
                (
                    Step(
                        *scenario.named(5),
                        "docker exec {redis} redis-cli FLUSHDB",
                        "OK",
                        timeout_s,
                        wrong=partial(_lacks, "OK"),
                        note="clears the whole cache, not only old data: whatever else is kept there goes",
                    ),
                    Step(
                        scenario.section(5),
                        "Write a snapshot of the cleared cache",
                        "docker exec {redis} redis-cli SAVE",
                        "OK",
                        timeout_s,
                        wrong=partial(_lacks, "OK"),
                        note="added to the plan's step: the next restart would load the full snapshot again",
                    ),
                    check_memory,
                ),
                when=Condition(
                    "only when memory is critical", partial(_memory_in_order, critical, timeout_s)
                ),
            ),
        ),
        monitor=Rung(
            "monitor",
            (
                Step(
                    scenario.section(1),
                    "Check that it stays",
                    _PING,
                    "PONG",
                    timeout_s,
                    wrong=partial(_lacks, "PONG"),
                    note="the plan's first step once more; it names none to watch the recovery by",
                ),
            ),
        ),
        validation_timeout_s=validation_s,
    )


def _lacks(word: str, output: str) -> str:
    return "" if word in output else f"{word} was expected"


def _too_full(critical: float, info: str) -> str:
    """What is wrong with the memory, by ``INFO memory``."""
    memory = parse(info)
    if len(memory) < 2:
        return "used_memory and maxmemory were expected"
    share = used_share(memory)
    return f"{share:.0%} of maxmemory are used: critical from {critical:.0%}" if share > critical else ""


def _memory_in_order(critical: float, timeout_s: float, hands: Hands) -> str:
    """Why the cache is not to be cleared: FLUSHDB is only for a memory that is known to be critical."""
    ran = hands.run(_MEMORY, timeout_s)
    memory = parse(ran.output)
    if not ran.ok or len(memory) < 2:
        return f"whether its memory is critical is not known: {ran.output.strip()[-200:]}"
    share = used_share(memory)
    if share > critical:
        return ""
    return f"memory is not critical: {share:.0%} of maxmemory are used, critical is from {critical:.0%}"
