"""The journal of a run, ``events.jsonl``: append-only, each line chained to the one before it by its hash.

::

    {"seq": 0, "utc": "2026-11-24T09:03:11.123456Z", "t": 8123.4, "kind": "run-started", "data": {…},
     "prev": "000…", "hash": "…"}

``t`` is in monotonic seconds. ``hash`` is the SHA-256 of the line's other fields as compact ASCII JSON with
sorted keys, ``prev`` among them: to change, drop or add a line, every later line has to be rewritten. A line
that was cut off at the end is what a killed process leaves; it is reported, and the lines before it count.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

NAME = "events.jsonl"
GENESIS = "0" * 64


class EventLog:
    """Writes the journal of one run. Every line is with the kernel when :meth:`add` returns; safe in threads.

    :raises FileExistsError: when there is such a journal already: a chain has one writer.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self._seq = 0
        self._prev = GENESIS

    def add(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """Append an event.

        :param kind: what happened, as ``fault-effective``.
        :param data: more about it, JSON-safe.
        :raises OSError: when the disk is full or gone.
        """
        with self._lock:
            event = {
                "seq": self._seq,
                "utc": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
                "t": round(time.monotonic(), 6),
                "kind": kind,
                "data": dict(data or {}),
                "prev": self._prev,
            }
            digest = _digest(event)
            self._file.write(json.dumps({**event, "hash": digest}) + "\n")
            self._file.flush()
            self._seq += 1
            self._prev = digest

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Verification:
    """What became of a chain.

    :param intact: whether all of it holds; a cut-off last line does not break it, see ``torn``.
    :param events: how many lines hold, from the first on.
    :param head: the hash of the last of them: whoever kept it can tell if the journal was rewritten.
    :param problem: what is wrong, with its line number; empty when nothing is.
    :param torn: whether the last line was cut off.
    """

    intact: bool
    events: int
    head: str
    problem: str = ""
    torn: bool = False


def verify(path: Path) -> Verification:
    """Check the chain of the journal at ``path``; one pass, a line in memory.

    :raises OSError: when it cannot be read.
    """
    prev, events = GENESIS, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return Verification(True, events, prev, f"line {number} was cut off", torn=True)
            problem, digest = _check(line, events, prev)
            if problem:
                return Verification(False, events, prev, f"line {number}: {problem}")
            prev, events = digest, events + 1
    return Verification(True, events, prev)


def _check(line: bytes, seq: int, prev: str) -> tuple[str, str]:
    try:
        event = json.loads(line)
    except ValueError:
        return "no JSON", ""
    if not isinstance(event, dict) or not isinstance(event.get("hash"), str):
        return "no event", ""
    digest = str(event.pop("hash"))
    if event.get("seq") != seq:
        return f"has number {event.get('seq')}, not {seq}: lines are missing, added or out of order", ""
    if event.get("prev") != prev:
        return "does not follow from the line before it", ""
    if digest != _digest(event):
        return "was changed: its hash is not that of its content", ""
    return "", digest


def _digest(event: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
