"""Whether the data of a database are damaged: shown by its own words, never taken from its silence.

A restore gives up what had not left the site. A server that is slow, still replaying its log, cut off or out of
connections has all its data, and would only lose by it.
"""

from __future__ import annotations

import re

from recovery.runbook import Hands
from stack.wait import NotReached, wait_until

READY = "docker exec {postgres} pg_isready -h 127.0.0.1 -U postgres -d minimarket"
READ_ALL = "docker exec {postgres} pg_dump -U postgres -d minimarket -f /dev/null"
LOG = "docker logs --tail 50 {postgres}"
_RECOVERING = "rejecting connections"
# What PostgreSQL says of files that it cannot use, and its entrypoint of a volume that lacks them.
_DAMAGED = re.compile(
    r"XX00[12]|invalid page|incorrect checksum in control file|page verification failed"
    r"|could not (?:read|open|access|find|stat) (?:block|blocks|file|directory|relation)"
    r"(?!.*(?:Permission denied|Too many open files|No space left on device|Cannot allocate memory))"
    r"|could not locate a (?:valid|required) checkpoint|invalid (?:primary )?checkpoint"
    r"|contains unexpected|missing chunk|unexpected chunk|unexpected data beyond EOF|cache lookup failed"
    r"|not a valid data directory|control file .* not found|holds no cluster",
    re.IGNORECASE,
)


def why_whole(patience_s: float, timeout_s: float, hands: Hands) -> str:
    """Why nothing is to be restored; empty when the data are damaged.

    :param patience_s: so long a server that is still recovering is waited for, and reading every row may take.
    :param timeout_s: of one question.
    """
    if not _has_come_up(patience_s, timeout_s, hands):
        return "the server is still recovering from its log: nothing shows that its data are damaged"
    if hands.run(READY, timeout_s).ok:
        read = hands.run(READ_ALL, patience_s)
        if read.ok:
            return "the server runs and every row of every table can be read: nothing is damaged"
        return "" if _DAMAGED.search(read.output) else _unknown("not every row was read", read.output)
    log = hands.run(LOG, timeout_s)
    return "" if log.ok and _DAMAGED.search(log.output) else _unknown("the server does not run", log.output)


def _has_come_up(patience_s: float, timeout_s: float, hands: Hands) -> bool:
    """Whether it no longer says that it is recovering: it takes connections, or does not run at all."""
    try:
        wait_until(
            lambda: _RECOVERING not in hands.run(READY, timeout_s).output,
            timeout_s=patience_s,
            what="the server has come up",
            every_s=0.5,
        )
    except NotReached:
        return False
    return True


def _unknown(what: str, output: str) -> str:
    last = (output.strip().splitlines() or ["without a word"])[-1]
    return f"{what}, and nothing shows that its data are damaged: {last.strip()[:200]}"
