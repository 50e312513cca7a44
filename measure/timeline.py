"""When each thing happened, and how exactly that is known: pure functions over what the observer saw.

A probe sees the service at moments only, so every edge lies *between* two probes; and where the observer
itself stood still, the edge lies anywhere in that time too. That width is the ``resolution`` of a figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from measure.observation import Observation, Probe, Stall


@dataclass(frozen=True)
class Span:
    """A duration in seconds, and its uncertainty; None: not known at all."""

    actual_s: float
    resolution_s: float | None


@dataclass(frozen=True)
class Steady:
    """What counts as a steady state: ``in_a_row`` good probes of each kind whose median latency is within
    ``factor`` of ``medians`` (seconds, by kind); over a longer time, a share of good ones of ``availability``."""

    in_a_row: int
    factor: float
    medians: dict[str, float]
    availability: float


def _widened(stalls: Iterable[Stall], low: float, high: float) -> float:
    """The width of an edge, and of every stall that overlaps it."""
    touching = [stall for stall in stalls if stall.start <= high and stall.end >= low]
    start = min([low, *(stall.start for stall in touching)])
    return max([high, *(stall.end for stall in touching)]) - start


def resolution_at(observation: Observation, t: float) -> float | None:
    """How exactly the state of the service is known around ``t``: the gap between the neighbouring probes,
    widened by the stalls that overlap it, in seconds; None when there is no probe on one of its sides."""
    starts = [probe.t for probes in observation.probes.values() for probe in probes]
    low = max((start for start in starts if start <= t), default=None)
    high = min((start for start in starts if start > t), default=None)
    if low is None or high is None:
        return None
    return _widened(observation.stalls, low, high)


def worst_stall(observation: Observation, start: float, end: float) -> Stall | None:
    """The longest time in ``[start, end]`` in which the observer saw nothing; None when there is none."""
    stalls = observation.stalls_between(start, end)
    return max(stalls, key=lambda stall: stall.end - stall.start, default=None)


def visible_effect(observation: Observation, start: float, end: float, steady: Steady) -> str | None:
    """What of a fault was to be seen in ``[start, end)``, as a phrase with figures; None: nothing at all.

    Probes that failed, or reads that had to do without the cache, more of either than the steady state may have; or
    a kind of probe that was slower than it allows.
    """
    seen = []
    for kind in observation.probes:
        probes = observation.between(kind, start, end)
        failed = sum(probe.outcome != "ok" for probe in probes)
        degraded = sum(probe.outcome == "ok" and not probe.good for probe in probes)
        answered = [probe.latency for probe in probes if probe.outcome == "ok"]
        noise = (1 - steady.availability) * len(probes)
        if failed > noise:
            seen.append(f"{failed} of {len(probes)} {kind} probes failed")
        if degraded > noise:
            seen.append(f"{degraded} of {len(probes)} {kind} probes were served without the cache")
        if len(answered) >= steady.in_a_row:
            median = statistics.median(answered)
            if median > steady.factor * steady.medians[kind]:
                seen.append(f"the median {kind} probe took {median / steady.medians[kind]:.1f} times as long")
    return ", ".join(seen) or None


def first_bad(observation: Observation, since: float) -> Probe | None:
    """The first probe begun at or after ``since`` that was not good."""
    return next((probe for probe in observation.all() if probe.t >= since and not probe.good), None)


def in_a_row(observation: Observation, since: float, n: int) -> float | None:
    """When, of every kind, ``n`` probes in a row, begun at or after ``since``, had been good; else None."""
    return _together(observation, since, n, lambda kind, run: True)


def steady_at(observation: Observation, since: float, steady: Steady) -> float | None:
    """When a steady state was first reached again after ``since``, for every kind; else None."""
    return _together(
        observation,
        since,
        steady.in_a_row,
        lambda kind, run: (
            statistics.median(probe.latency for probe in run) <= steady.factor * steady.medians[kind]
        ),
    )


def _together(
    observation: Observation, since: float, n: int, enough: Callable[[str, Sequence[Probe]], bool]
) -> float | None:
    reached = []
    for kind, probes in observation.probes.items():
        run: list[Probe] = []
        for probe in probes:
            if probe.t < since:
                continue
            run = [*run[-n + 1 :], probe] if n > 1 else [probe]
            if len(run) == n and all(each.good for each in run) and enough(kind, run):
                reached.append(max(each.seen for each in run))
                break
        else:
            return None
    return max(reached)


def felt_from(observation: Observation, injected: float, t_zero: float) -> float:
    """When the fault was first felt: at T0, or by a client before ``wait_effective`` saw it (monotonic seconds).

    A lost site is in effect when all of it is dark, seconds after its first client was turned away.
    """
    bad = first_bad(observation, injected)
    return min(t_zero, bad.t) if bad else t_zero


def rto(observation: Observation, injected: float, t_zero: float, verified: float) -> Span:
    """The recovery time, from when the fault was first felt to ``verified`` (all in monotonic seconds)."""
    start = felt_from(observation, injected, t_zero)
    edges = (resolution_at(observation, start), resolution_at(observation, verified))
    known = [edge for edge in edges if edge is not None]
    return Span(verified - start, sum(known) if len(known) == len(edges) else None)
