"""How full Redis is (DRP, Scenario 3, steps 4 and 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIELD = re.compile(r"^(used_memory|maxmemory):(\d+)\s*$", re.MULTILINE)


def used_share(memory: Mapping[str, int]) -> float:
    """The share of ``maxmemory`` that is used; 0 without a limit, which is never reached.

    :param memory: Redis' ``INFO memory``, of which ``used_memory`` and ``maxmemory`` are read (bytes).
    :raises KeyError: when one of the two is not there.
    """
    return memory["used_memory"] / memory["maxmemory"] if memory["maxmemory"] else 0.0


def parse(info: str) -> dict[str, int]:
    """``used_memory`` and ``maxmemory`` in what ``redis-cli INFO memory`` printed."""
    return {name: int(value) for name, value in _FIELD.findall(info)}
