"""Scales with ticks at round figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from reports.charts.svg import element

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class Linear:
    """Maps [low, high] to [start, end] of the picture."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where ``value`` lies; values outside are put at the edge."""
        value = min(max(value, self.low), self.high)
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def units(self, length: float) -> float:
        """How much of [low, high] a ``length`` of the picture stands for."""
        return (self.high - self.low) / (self.end - self.start) * length

    def inside(self, value: float) -> bool:
        """Whether ``value`` lies on the axis."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Log:
    """The same, logarithmic. ``low`` is above 0."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where ``value`` lies; values outside are put at the edge."""
        value = min(max(value, self.low), self.high)
        span = math.log(self.high / self.low) or 1.0
        return self.start + math.log(value / self.low) / span * (self.end - self.start)


def time_ticks(axis: Linear, wanted: int = 9) -> list[float]:
    """Round moments on ``axis`` (seconds), 0 among them where it is on it."""
    span = axis.high - axis.low
    step = next((step for step in _steps() if span / step <= wanted), span)
    first = math.ceil(axis.low / step)
    return [n * step for n in range(first, math.floor(axis.high / step) + 1)]


def count_ticks(high: float, wanted: int = 4) -> list[float]:
    """Round counts from 0 to ``high``."""
    raw = max(high / wanted, 1.0)
    scale = 10 ** math.floor(math.log10(raw))
    step = next(scale * m for m in (1, 2, 5, 10) if scale * m >= raw)
    return [n * step for n in range(math.floor(high / step) + 1)]


def time_label(seconds: float) -> str:
    """A tick's label: ``−10 s``, ``T0``, ``2 min``."""
    if seconds == 0:
        return "T0"
    sign, size = ("−" if seconds < 0 else "+"), abs(seconds)
    if size >= 3600 and size % 1800 == 0:
        return f"{sign}{size / 3600:g} h"
    if size >= 120 and size % 60 == 0:
        return f"{sign}{size / 60:g} min"
    return f"{sign}{size:g} s"


def time_axis(axis: Linear, top: float, bottom: float, zero_is_t0: bool = True) -> Iterable[Markup]:
    """Grid lines from ``top`` to ``bottom`` and labels below."""
    for tick in time_ticks(axis):
        x = axis.at(tick)
        label = time_label(tick) if tick or zero_is_t0 else "0"
        yield element("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid")
        yield element("text", [label], x=x, y=bottom + 15, class_="tick middle")


def _steps() -> Iterable[float]:
    yield from (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    yield from _STEPS
