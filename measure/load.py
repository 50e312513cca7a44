"""What the workload did, from the histories of its writers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from measure.history import Fate
from measure.jsonl import LineReader


@dataclass(frozen=True)
class Load:
    """What one or more writers did.

    :param acks: when each write that was acknowledged was acknowledged, in order, in monotonic seconds.
    """

    acks: list[float]


def load(histories: Iterable[Path]) -> Load:
    """The load of some writers; a history that is not there counts as empty.

    :raises ValueError: for a line that is not JSON.
    :raises KeyError: for a line without ``kind``, or an acknowledgement without ``t``.
    """
    lines = (line for path in histories for line in LineReader(path).read())
    return Load(sorted(float(line["t"]) for line in lines if line["kind"] == Fate.OK))
