"""How full the volumes of a stack are, by ``df``, asked of the container that mounts them all."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stack.stack import Stack

HOLDER = "holder"
MOUNTS = "/hold"
DF = f"df -P -k {MOUNTS}/*"
NO_ROOM = "No space left on device"

_LINE = re.compile(rf"\s(\d+)\s+(\d+)\s+\d+%\s+({MOUNTS}/\S+)$")
_TIMEOUT_S = 5.0


def parse(df: str) -> dict[str, float]:
    """Which share of each volume is used, by where the holder mounts it; other lines of ``df`` are passed over."""
    found = {}
    for line in df.splitlines():
        if match := _LINE.search(line):
            used, free = int(match[1]), int(match[2])
            found[match[3]] = used / max(1, used + free)
    return found


def used_shares(stack: Stack) -> dict[str, float]:
    """As :func:`parse`, asked just now; empty when it was not told.

    :raises LookupError: when nobody mounts the volumes.
    :raises docker.errors.DockerException: when the engine does not answer.
    """
    return parse(stack.exec(HOLDER, ["sh", "-c", DF], _TIMEOUT_S, user="root").output)


def too_full(shares: Mapping[str, float], limit: float) -> str:
    """Which volumes are as full as ``limit`` or fuller, in words; empty when none is."""
    full = [f"{path} is {share:.0%} full" for path, share in sorted(shares.items()) if share >= limit]
    return f"{', '.join(full)}: less than {limit:.0%} is wanted" if full else ""
