"""A container that dies again and again by itself: nobody need wait for it to come up."""

from __future__ import annotations

from functools import partial

from recovery.runbook import Hands, InVain

RESTARTS = 3
"""So often the restart policy has started it since somebody last did: the engine counts from there."""


def in_crash_loop(service: str, timeout_s: float) -> InVain:
    """Finds out whether ``service`` is in a crash loop."""
    return partial(_why, service, timeout_s)


def _why(service: str, timeout_s: float, hands: Hands) -> str:
    counted = hands.run(f"docker inspect --format {{{{.RestartCount}}}} {{{service}}}", timeout_s)
    restarts = counted.output.strip()
    if not counted.ok or not restarts.isdecimal() or int(restarts) < RESTARTS:
        return ""
    return (
        f"not waited for any longer: {service} is in a crash loop, {restarts} restarts since it was started"
    )
