"""What the observer has written, as typed values; read whole, or again and again while it grows."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure.jsonl import LineReader

KINDS = ("health", "read", "write")
"""The kinds of probes: ``write`` is a sale and its read-back."""

TICK_S = 0.05
"""How often the observer looks at its own clock: shorter, it has not stood still."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe. ``t`` is when it began, in monotonic seconds; ``latency`` is how long it took, in seconds.

    :param outcome: ``ok``, ``fail``, or ``unknown``: a write of which nobody knows whether it was done.
    :param cache: how a read says it was served: ``hit``, ``miss``, or ``bypass`` (without the cache).
    :param late: seconds behind its slot.
    """

    kind: str
    t: float
    latency: float
    outcome: str
    status: int | None = None
    error: str | None = None
    cache: str | None = None
    late: float = 0.0

    @property
    def seen(self) -> float:
        """When its outcome was known."""
        return self.t + self.latency

    @property
    def good(self) -> bool:
        """Whether the service was as it should be: it answered, and not in its degraded way."""
        return self.outcome == "ok" and self.cache != "bypass"


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the observer could not run, and so saw nothing."""

    start: float
    end: float


@dataclass
class Observation:
    """All that the observer saw. Probes are in the order of ``t``; a live one may still gain earlier ones.

    :param last: the newest time at which the observer is known to have been alive; None: it never began.
    :param ended: whether it ended in order. If not, it died, or still runs.
    :param cpu_share: of one core, over the whole run; None until it has ended.
    """

    probes: dict[str, list[Probe]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    stalls: list[Stall] = field(default_factory=list)
    skipped: int = 0
    started: float | None = None
    last: float | None = None
    ended: bool = False
    cpu_share: float | None = None

    def add(self, line: dict[str, Any]) -> None:
        """Take in one line of ``probes.jsonl``.

        :raises KeyError: for a line that lacks something.
        """
        kind, t = line["kind"], float(line["t"])
        self.last = max(t, self.last or t)
        match kind:
            case "tick":
                self.stalls.append(Stall(t - line["late"], t))
            case "skip":
                self.skipped += line["slots"]
            case "start":
                self.started = t
            case "end":
                self.ended = True
                self.cpu_share = line["cpu_s"] / line["wall_s"]
            case _:
                bisect.insort(self.probes[kind], Probe(**line), key=lambda probe: probe.t)

    def all(self) -> list[Probe]:
        """The probes of every kind, in the order of ``t``."""
        return sorted((probe for probes in self.probes.values() for probe in probes), key=lambda p: p.t)

    def between(self, kind: str, start: float, end: float) -> list[Probe]:
        """The probes of one kind that began in ``[start, end)``."""
        probes = self.probes[kind]
        first = bisect.bisect_left(probes, start, key=lambda probe: probe.t)
        return probes[first : bisect.bisect_left(probes, end, key=lambda probe: probe.t)]

    def undisturbed(self, probes: Iterable[Probe]) -> list[Probe]:
        """The probes whose latency tells of the service: while the others were under way, the observer stood still."""
        return [each for each in probes if self._stood_still(each.t, each.seen) < TICK_S]

    def _stood_still(self, start: float, end: float) -> float:
        first = bisect.bisect_left(self.stalls, start, key=lambda stall: stall.end)
        behind = bisect.bisect_left(self.stalls, end, key=lambda stall: stall.start)
        return sum(min(stall.end, end) - max(stall.start, start) for stall in self.stalls[first:behind])

    def stalls_between(self, start: float, end: float) -> list[Stall]:
        """The stalls that overlap ``[start, end]``, and what of it the observer did not live to see."""
        found = [stall for stall in self.stalls if stall.start <= end and stall.end >= start]
        if self.started is None or self.last is None:
            return [Stall(start, end)]
        if self.started > start:
            found.append(Stall(start, min(self.started, end)))
        if self.last < end:
            found.append(Stall(max(self.last, start), end))
        return found


class ObservationReader:
    """Follows a growing ``probes.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._lines = LineReader(path)
        self._observation = Observation()

    def read(self) -> Observation:
        """All that there is by now; each call returns the same object, grown.

        :raises ValueError: for a line that is not JSON.
        """
        for line in self._lines.read():
            self._observation.add(line)
        return self._observation


def load(path: Path) -> Observation:
    """A whole ``probes.jsonl``."""
    return ObservationReader(path).read()
