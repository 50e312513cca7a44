"""What the workload did, from the histories of its writers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from measure.jsonl import LineReader


@dataclass(frozen=True)
class Load:
    """Times of the operations of one or more writers, in monotonic seconds, each list in order.

    :param invoked: when each was sent.
    :param acks: when each that was acknowledged was acknowledged.
    """

    invoked: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)


def load(histories: Iterable[Path]) -> Load:
    """The load of some writers; a history that is not there counts as empty.

    :raises ValueError: for a line that is not JSON.
    :raises KeyError: for a line without ``kind`` or ``t``.
    """
    times: dict[str, list[float]] = {"invoke": [], "ok": []}
    for path in histories:
        for line in LineReader(path).read():
            times.setdefault(line["kind"], []).append(float(line["t"]))
    return Load(sorted(times["invoke"]), sorted(times["ok"]))
