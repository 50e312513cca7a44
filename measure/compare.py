"""How the service fared before, during and after the fault, against the limits that the plan sets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg

from measure.observation import KINDS, Observation, Probe
from measure.verdict import Verdict

ENOUGH = 10
"""With fewer probes than this a figure says nothing, and is None."""

Window = tuple[float, float]
"""From one monotonic time up to another, in seconds."""

_NAMES = {"health": "health check", "read": "read", "write": "write and read-back"}


class Windows(NamedTuple):
    """The times that are compared: the steady state, the fault in effect, recovery verified."""

    before: Window
    during: Window
    after: Window


@dataclass(frozen=True)
class Comparison:
    """A figure in the three windows; None where it was not measured. Without a ``limit`` it is only told."""

    name: str
    unit: str
    before: float | None
    during: float | None
    after: float | None
    limit: str
    verdict: Verdict


def compare(
    observation: Observation,
    windows: Windows,
    factor: float | None,
    hit_ratio: float | None = None,
    restored: Window | None = None,
) -> list[Comparison]:
    """Latency of each kind of probe, share of probes that failed, share of reads that the cache answered.

    :param factor: how many times its steady median a latency may be afterwards; None: it is only told.
    :param hit_ratio: the share of reads that the cache must answer afterwards; None: it is only told.
    :param restored: the time by which the speed afterwards is told; None: all of ``windows.after``.
    """
    found: list[Comparison] = []
    timed = windows if restored is None else windows._replace(after=restored)
    every: list[list[Probe]] = [[], [], []]
    for kind in KINDS:
        sets = [observation.between(kind, *window) for window in windows]
        every = [[*probes, *more] for probes, more in zip(every, sets, strict=True)]
        sets = [observation.between(kind, *window) for window in timed]
        median = [latency(probes, 0.5) for probes in sets]
        limit = () if factor is None else _at_most(factor)
        found.append(_compare(f"{_NAMES[kind]}, median", "ms", median, *limit))
        found.append(_compare(f"{_NAMES[kind]}, 95th percentile", "ms", [latency(p, 0.95) for p in sets]))
    errors = [error_ratio(probes) for probes in every]
    found.append(_compare("probes that failed", "ratio", errors, "= 0", lambda _, after: after == 0))
    hits = [cache_hit_ratio(observation.between("read", *window)) for window in windows]
    if hit_ratio is None:
        found.append(_compare("reads answered by the cache", "ratio", hits))
    else:
        least = hit_ratio
        found.append(
            _compare(
                "reads answered by the cache", "ratio", hits, f"≥ {least:g}", lambda _, after: after >= least
            )
        )
    return found


def latency(probes: Sequence[Probe], quantile: float) -> float | None:
    """A quantile (nearest rank) of the latency of the probes that were answered well, in milliseconds."""
    times = sorted(probe.latency for probe in probes if probe.outcome == "ok")
    if len(times) < ENOUGH:
        return None
    return round(1000 * times[max(0, math.ceil(quantile * len(times)) - 1)], 3)


def error_ratio(probes: Sequence[Probe]) -> float | None:
    """The share of probes that were not answered well, unknown fates among them."""
    if len(probes) < ENOUGH:
        return None
    return sum(probe.outcome != "ok" for probe in probes) / len(probes)


def cache_hit_ratio(reads: Sequence[Probe]) -> float | None:
    """The share of answered reads that came from the cache."""
    answered = [probe for probe in reads if probe.outcome == "ok" and probe.cache is not None]
    if len(answered) < ENOUGH:
        return None
    return sum(probe.cache == "hit" for probe in answered) / len(answered)


def median_latencies(observation: Observation, window: Window) -> dict[str, float] | None:
    """The steady state's median of each kind, in seconds, as :class:`measure.timeline.Steady` takes them.

    :returns: None when one of the kinds has too few probes.
    """
    medians = {kind: latency(observation.between(kind, *window), 0.5) for kind in KINDS}
    known = {kind: median / 1000 for kind, median in medians.items() if median is not None}
    return known if len(known) == len(KINDS) else None


@dataclass(frozen=True)
class DatabaseLoad:
    """A reading of the database's own counter, at a monotonic time."""

    t: float
    rows_read: int


def database_load(dsn: str) -> DatabaseLoad:
    """Rows that the database has read so far, by index or not. Sessions report with a delay of up to a second.

    Rows, not transactions: without its cache, a service asks hardly more questions, but far larger ones.

    :raises psycopg.Error: when the database cannot be asked.
    """
    with psycopg.connect(dsn, connect_timeout=3, autocommit=True) as connection:
        row = connection.execute(
            "SELECT tup_returned FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return DatabaseLoad(time.monotonic(), int(row[0]) if row else 0)


def rows_per_second(before: DatabaseLoad, after: DatabaseLoad) -> float | None:
    """The rate between two readings; None when there is no time between them, or the counter was reset."""
    if after.t <= before.t or after.rows_read < before.rows_read:
        return None
    return (after.rows_read - before.rows_read) / (after.t - before.t)


def compare_loads(rates: Sequence[float | None], rises: bool) -> Comparison:
    """The database's load in rows read a second: before, during and after.

    :param rises: whether the fault must have raised it: the DRP's symptom "increased database load".
    """
    told = _compare("database load", "rows/s", rates)
    if not rises:
        return told
    verdict = Verdict.INVALID
    if told.before is not None and told.during is not None:
        verdict = Verdict.PASS if told.during > told.before else Verdict.FAIL
    return replace(told, limit="higher during the fault", verdict=verdict)


def _at_most(factor: float) -> tuple[str, Callable[[float, float], bool]]:
    return f"≤ {factor:g} × before", lambda before, after: after <= factor * before


def _compare(
    name: str,
    unit: str,
    figures: Sequence[float | None],
    limit: str = "",
    holds: Callable[[float, float], bool] | None = None,
) -> Comparison:
    before, during, after = figures
    if holds is None:
        verdict = Verdict.PASS
    elif after is None or before is None:
        verdict = Verdict.INVALID
    else:
        verdict = Verdict.PASS if holds(before, after) else Verdict.FAIL
    return Comparison(name, unit, before, during, after, limit, verdict)
