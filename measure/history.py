"""One writer's part of the ledger: every operation before it is sent, and again when its fate is known.

The lines: ``invoke``, then one of ``ok``, ``fail`` and ``info``. What each fate means:

- ``ok``: acknowledged. From here on it must survive.
- ``fail``: *certainly* not done: refused before it was sent, or a definite error answer. It must not be
  there later.
- ``info``: unknown: time-out, reset, any server error after sending. It may be there or not.

A fate is ``fail`` only where nothing could have been committed; in doubt it is ``info``, which costs the
drill nothing but a count, while a wrong ``fail`` would make a phantom of a row that may well be there.
"""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from measure.jsonl import LineWriter

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


class Fate(StrEnum):
    """What became of an operation."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


def fate_of_status(status: int) -> Fate:
    """The fate of a sale by the status of its answer.

    200 and 201 acknowledge. A client error is a definite no. Anything else is unknown, a 503 too: the
    dashboard also answers so when the database went away while it was committing.
    """
    if status in (200, 201):
        return Fate.OK
    return Fate.FAIL if 400 <= status < 500 else Fate.INFO


@dataclass(frozen=True, slots=True)
class Operation:
    """A write that was announced: ``n`` counts in its own file, ``id`` is unique everywhere."""

    n: int
    id: str
    value: str


class Ids:
    """ULID-like ids (48 bits of milliseconds, 80 of chance; Crockford's base 32): ``api-01JDB…``.

    They grow strictly within a process, even if its clock is set back, and do not collide between processes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._last = 0

    def new(self) -> str:
        """The next id."""
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        if fresh >> _RANDOM_BITS <= self._last >> _RANDOM_BITS:
            fresh = self._last + 1
        self._last = fresh
        return f"{self._path}-" + "".join(_ALPHABET[fresh >> shift & 31] for shift in range(125, -1, -5))


class History:
    """Appends one writer's operations to its own history file.

    :param path: where the lines go; one writer process a file.
    :param prefix: the write path that the ids name: ``api``, ``sql``, ``probe``, …
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self._lines = LineWriter(path)
        self._ids = Ids(prefix)
        self._count = itertools.count()

    def invoke(self, value: str) -> Operation:
        """Record that a write of ``value`` is about to be sent, and return it."""
        operation = Operation(next(self._count), self._ids.new(), value)
        self._lines.write(
            {"n": operation.n, "id": operation.id, "kind": "invoke", "t": _now(), "value": operation.value}
        )
        return operation

    def settle(self, operation: Operation, fate: Fate) -> None:
        """Record what became of ``operation``."""
        self._lines.write({"n": operation.n, "id": operation.id, "kind": fate.value, "t": _now()})

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def _now() -> float:
    return round(time.monotonic(), 6)
