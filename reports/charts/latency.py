"""Latency of the probes on a logarithmic scale: good ones as a band, failed and unknown ones marked apart."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from markupsafe import Markup

from measure.observation import KINDS
from reports import figures
from reports.charts.axis import Linear, Log, time_axis
from reports.charts.markers import MarkerRow, markers
from reports.charts.slices import runs
from reports.charts.svg import Chart, Table, document, element
from reports.evidence import Evidence, Probe
from reports.record import DrillRecord

SLICE = 3.0
_MARK = 6.0
_LABELS = 4
_PANEL, _GAP = 78.0, 22.0


def latency(key: str, drill: DrillRecord, evidence: Evidence, axis: Linear) -> Chart:
    """Draw it.

    :param key: unique on the page.
    """
    kinds = [kind for kind in KINDS if any(probe.kind == kind for probe in evidence.probes)]
    low, high = _decades(evidence.probes)
    row = MarkerRow(markers(drill), axis)
    bottom = row.height + len(kinds) * (_PANEL + _GAP)
    content: list[Markup] = list(time_axis(axis, row.height, bottom, drill.t_zero is not None))
    for n, kind in enumerate(kinds):
        top = row.height + n * (_PANEL + _GAP) + _GAP
        scale = Log(low, high, top + _PANEL, top)
        content += _frame(kind, scale, axis)
        content += _panel([probe for probe in evidence.probes if probe.kind == kind], axis, scale)
    content += row.draw(0, bottom)
    table = _table(drill, evidence)
    return Chart(
        "Latency as a client saw it",
        document(key, f"Latency: {drill.title}", _describe(table), bottom + 20, content),
        table,
        "Logarithmic scale. Band: fastest to slowest good answer in a slice of "
        f"{figures.duration(axis.units(SLICE))}; line: their median. "
        "× with a stem: failed probes, slowest and fastest of the slice. Triangle: outcome unknown.",
    )


def _frame(kind: str, scale: Log, axis: Linear) -> Iterable[Markup]:
    yield element("text", [kind], x=axis.start, y=scale.end - 5, class_="name")
    yield element("line", x1=axis.start, x2=axis.end, y1=scale.start, y2=scale.start, class_="axis")
    exponents = range(math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9) + 1)
    for n in exponents:
        y = scale.at(10.0**n)
        yield element("line", x1=axis.start, x2=axis.end, y1=y, y2=y, class_="grid")
        if len(exponents) <= _LABELS or n % 2 == 0:
            yield element("text", [figures.duration(10.0**n)], x=axis.start - 8, y=y + 4, class_="tick end")


def _panel(probes: Sequence[Probe], axis: Linear, scale: Log) -> Iterable[Markup]:
    good = _slices([probe for probe in probes if probe.outcome in ("ok", "degraded")], axis, SLICE)
    for run in runs(sorted(good)):
        yield from _band(run, good, axis, scale)
    for outcome, mark in (("fail", _cross), ("unknown", _triangle)):
        bad = _slices([probe for probe in probes if probe.outcome == outcome], axis, _MARK)
        stems, marks = [], []
        for n, values in sorted(bad.items()):
            x = axis.start + (n + 0.5) * _MARK
            fast, slow = scale.at(min(values)), scale.at(max(values))
            if fast - slow > _MARK:
                stems.append(f"M{x:.1f} {fast:.1f}V{slow:.1f}")
            marks.append(mark(x, slow))
        if marks:
            yield element("path", d="".join(stems + marks), class_=f"late-{outcome}")


def _slices(probes: Sequence[Probe], axis: Linear, width: float) -> dict[int, list[float]]:
    """Latencies in seconds, by the slice of the axis they fall into."""
    last = int((axis.end - axis.start) / width) - 1
    found: dict[int, list[float]] = defaultdict(list)
    for probe in probes:
        found[min(int((axis.at(probe.t) - axis.start) / width), last)].append(probe.latency)
    return found


def _band(run: list[int], slices: dict[int, list[float]], axis: Linear, scale: Log) -> Iterable[Markup]:
    left, right = axis.start + run[0] * SLICE, axis.start + (run[-1] + 1) * SLICE
    xs = [left, *(axis.start + (n + 0.5) * SLICE for n in run), right]
    values = [slices[run[0]], *(slices[n] for n in run), slices[run[-1]]]
    upper = [f"{x:.1f} {scale.at(max(v)):.1f}" for x, v in zip(xs, values, strict=True)]
    lower = [f"{x:.1f} {scale.at(min(v)):.1f}" for x, v in zip(xs, values, strict=True)]
    middle = [f"{x:.1f} {scale.at(median(v)):.1f}" for x, v in zip(xs, values, strict=True)]
    yield element("path", d=f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z", class_="late-band")
    yield element("path", d=f"M{'L'.join(middle)}", class_="late-line")


def _cross(x: float, y: float) -> str:
    return f"M{x - 2:.1f} {y - 2:.1f}l4 4m0-4l-4 4"


def _triangle(x: float, y: float) -> str:
    return f"M{x - 2.5:.1f} {y + 2:.1f}h5l-2.5-4.5z"


def _decades(probes: Sequence[Probe]) -> tuple[float, float]:
    seen = [probe.latency for probe in probes if probe.latency > 0] or [0.01]
    low, high = _round(max(min(seen), 1e-4), down=True), _round(max(seen), down=False)
    return low, max(high, low * 10)


def _round(value: float, down: bool) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    decade = 10.0 ** math.floor(math.log10(value))
    steps = [step * decade for step in (1, 2, 5, 10)]
    return (
        max(step for step in steps if step <= value) if down else min(step for step in steps if step >= value)
    )


def _table(drill: DrillRecord, evidence: Evidence) -> Table:
    end = drill.milestones.verified
    parts = (
        [("before the fault", -math.inf, 0.0)]
        if drill.t_zero is not None
        else [("whole drill", -math.inf, math.inf)]
    )
    if drill.t_zero is not None:
        parts.append(
            ("from T0 to verified" if end is not None else "after T0", 0.0, math.inf if end is None else end)
        )
        if end is not None:
            parts.append(("after", end, math.inf))
    rows = []
    for kind in KINDS:
        for name, start, stop in parts:
            good = sorted(
                probe.latency
                for probe in evidence.probes
                if probe.kind == kind and probe.outcome in ("ok", "degraded") and start <= probe.t < stop
            )
            if any(probe.kind == kind for probe in evidence.probes):
                rows.append(
                    [kind, name, figures.count(len(good)), *(_quantile(good, q) for q in (0.5, 0.95, 1.0))]
                )
    return Table(["Probe", "When", "Good answers", "Median", "95 %", "Slowest"], rows)


def _quantile(values: Sequence[float], q: float) -> str:
    return figures.duration(values[min(int(q * len(values)), len(values) - 1)]) if values else "–"


def _describe(table: Table) -> str:
    return " ".join(
        f"{kind} {when}: median {middle}, slowest {slowest}."
        for kind, when, _, middle, _, slowest in table.rows
    )
