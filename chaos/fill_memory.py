"""Cache: Redis is filled to its ``maxmemory`` with junk, and refuses writes.

::

    inject: junk keys to the brim ──▶ effective: a real SET is refused (OOM)
        ──▶ heal: UNLINK the junk, SAVE ──▶ healed: no junk key, a SET is taken

Every junk key begins with :data:`chaos.marks.KEY_PREFIX`; nothing else is ever deleted. The snapshot is
written anew when healing: a later restart would else load the junk again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import redis
from redis.exceptions import OutOfMemoryError

from chaos.base import StackFault
from chaos.containers import own_container
from chaos.marks import KEY_PREFIX
from chaos.redis_client import junk_keys, redis_client
from plan.errors import UserError
from stack.wait import wait_until

BLOCK = 64 * 1024
MARGIN = 2 * BLOCK
# The last block goes far over the limit: neither keys that expire nor a restart must make room again.
BRIM = 2 * 1024 * 1024
REACHABLE_S = 5.0


@dataclass
class FillMemory(StackFault):
    """Fills the memory of the Redis that ``service`` runs."""

    name: ClassVar[str] = "fill-memory"
    service: str = "redis"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The memory of {self.service} is filled with junk to its maxmemory; writes are refused (OOM)."

    def inject(self) -> None:
        """Write junk until Redis refuses.

        :raises UserError: when it has no limit, or evicts: it would never refuse.
        """
        own_container(self.stack, self.service)
        with redis_client(self.stack, self.service) as client:
            _require_limit(client, self.service)
            written = 0
            # A block takes more than its size, but never twice as much: each round fills half of the rest.
            while (blocks := (_room(client) - MARGIN) // (2 * BLOCK)) > 0:
                with client.pipeline(transaction=False) as pipeline:
                    for number in range(written, written + blocks):
                        # Redis makes the bytes before the offset itself: the command takes no memory.
                        pipeline.setrange(f"{KEY_PREFIX}{number}", BLOCK - 1, "x")
                    written += len(pipeline.execute())
            while not _refuses(client):
                with suppress(OutOfMemoryError):  # somebody else took the last bytes meanwhile
                    client.setrange(f"{KEY_PREFIX}{written}", BRIM - 1, "x")
                    written += 1

    def wait_effective(self, timeout_s: float) -> float:
        """When a write was first refused for want of memory."""
        with redis_client(self.stack, self.service) as client:
            wait_until(
                lambda: _refuses(client),
                timeout_s=timeout_s,
                what=f"{self.service} refuses writes (OOM)",
                why_not=lambda: f"{_room(client)} bytes are free",
            )
        return time.monotonic()

    def heal(self) -> None:
        """Delete the junk, and only that, from memory and from the snapshot."""
        if not self.stack.containers():
            return
        own_container(self.stack, self.service)
        wait_until(self._answers, timeout_s=REACHABLE_S, what=f"{self.service} answers")
        with redis_client(self.stack, self.service) as client:
            for key in junk_keys(client):
                client.unlink(key)
            # Refused while a snapshot is being written in the background: that one may hold junk still.
            wait_until(client.save, timeout_s=REACHABLE_S, what=f"{self.service} writes its snapshot")

    def _answers(self) -> bool:
        with redis_client(self.stack, self.service) as client:
            return bool(client.ping())

    def wait_healed(self, timeout_s: float) -> None:
        """Until no junk key is left and a write would be taken."""
        wait_until(self._clean, timeout_s=timeout_s, what=f"{self.service} holds no junk and takes writes")

    def _clean(self) -> bool:
        if not self.stack.containers():
            return True
        with redis_client(self.stack, self.service) as client:
            return next(junk_keys(client), None) is None and not _refuses(client)


def _require_limit(client: redis.Redis, service: str) -> None:
    memory = client.info("memory")
    if not memory["maxmemory"] or memory["maxmemory_policy"] != "noeviction":
        raise UserError(
            f"{service} never refuses a write: maxmemory is {memory['maxmemory']}, "
            f"maxmemory-policy {memory['maxmemory_policy']}",
            "set a maxmemory and the policy noeviction, as stack/redis/drill.conf does",
        )


def _room(client: redis.Redis) -> int:
    memory = client.info("memory")
    return int(memory["maxmemory"]) - int(memory["used_memory"])


def _refuses(client: redis.Redis) -> bool:
    # XX: only an existing key would be set, and this one never exists; memory is checked before that.
    try:
        client.set(f"{KEY_PREFIX}never", b"", xx=True)
    except OutOfMemoryError:
        return True
    return False
