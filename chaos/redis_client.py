"""Redis as faults and the residue audit ask it: bounded, without retries that would hide its answers."""

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
def redis_client(stack: Stack, service: str) -> Iterator[redis.Redis]:
    """A client of ``service``, where it is published just now.

    :raises LookupError: when it is not published, as while it is down.
    """
    host, port = stack.address(service, PORT)
    client = redis.Redis(
        host=host,
        port=port,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        client.close()


def junk_keys(client: redis.Redis) -> Iterator[bytes]:
    """The keys that faults have written, found without blocking Redis."""
    yield from client.scan_iter(match=f"{KEY_PREFIX}*", count=1000)
