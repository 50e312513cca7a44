"""Redis as faults, audit and validation ask it: bounded, without retries that would hide its answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos.marks import KEY_PREFIX
from stack.stack import Stack

PORT = 6379
TIMEOUT_S = 5.0


@contextmanager
def redis_client(stack: Stack, service: str, timeout_s: float = TIMEOUT_S) -> Iterator[redis.Redis]:
    """A client of ``service``, where it is published just now; each wait is bounded by ``timeout_s`` seconds.

    :raises LookupError: when it is not published, as while it is down.
    """
    host, port = stack.address(service, PORT)
    client = redis.Redis(
        host=host,
        port=port,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        client.close()


def junk_keys(client: redis.Redis) -> Iterator[bytes]:
    """The keys that faults have written, found without blocking Redis."""
    yield from client.scan_iter(match=f"{KEY_PREFIX}*", count=1000)
