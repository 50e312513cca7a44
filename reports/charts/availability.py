"""Availability: a row a kind of probe, good or not at every moment; the worst outcome wins within a slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from measure.observation import KINDS
from reports import figures
from reports.charts.axis import Linear, time_axis
from reports.charts.markers import MarkerRow, markers, rto_marker
from reports.charts.slices import runs
from reports.charts.svg import LEFT, RIGHT, WIDTH, Chart, Table, document, element, hatch
from reports.evidence import OUTCOMES, Evidence, Outcome, Probe
from reports.record import DrillRecord

SLICE = 2.0
_ROW, _GAP = 22.0, 6.0
_HEIGHT: dict[Outcome, float] = {"ok": 0.4, "degraded": 0.7, "unknown": 1.0, "fail": 1.0}


@dataclass(frozen=True)
class Outage:
    """The longest time without a good probe of a kind; seconds from T0. ``end`` None: never good again."""

    start: float
    end: float | None


def availability(key: str, drill: DrillRecord, evidence: Evidence, axis: Linear) -> Chart:
    """Draw it.

    :param key: unique on the page.
    """
    objective = drill.recovery_objective
    limit, beyond = rto_marker(objective.target_s if objective and drill.t_zero is not None else None, axis)
    row = MarkerRow(sorted(markers(drill) + limit, key=lambda marker: marker.t), axis)
    top = row.height
    bottom = top + len(KINDS) * (_ROW + _GAP)
    content: list[Markup] = [hatch(f"{key}-unknown", "hatch-unknown"), hatch(f"{key}-stall", "hatch-stall")]
    content += time_axis(axis, top, bottom, drill.t_zero is not None)
    content += _outage_band(drill, axis, top, bottom)
    for n, kind in enumerate(KINDS):
        y = top + _GAP / 2 + n * (_ROW + _GAP)
        content.append(element("text", [kind], x=LEFT - 8, y=y + 15, class_="name end"))
        content += _strip(key, [probe for probe in evidence.probes if probe.kind == kind], axis, y)
    for stall in evidence.stalls:
        x, end = axis.at(stall.start), axis.at(stall.end)
        content.append(
            element(
                "rect", x=x, y=top, width=max(end - x, 1.5), height=bottom - top, fill=f"url(#{key}-stall)"
            )
        )
    content += row.draw(0, bottom)
    if beyond:
        content.append(element("text", [beyond], x=WIDTH - RIGHT, y=bottom + 32, class_="label limit end"))
    title = f"Availability: {drill.title}"
    table = _table(evidence)
    return Chart(
        "Availability as a client saw it",
        document(key, title, _describe(table), bottom + (36 if beyond else 20), content),
        table,
        "Low green: every probe was good. Middle: at least one was answered without the cache. Tall orange: "
        "at least one failed. Tall, hatched: the outcome of at least one is unknown. Empty: no probe ran. "
        f"A slice is {figures.duration(axis.units(SLICE))} wide; its worst probe colours it."
        + (" Grey hatching across all rows: the observer itself stood still." if evidence.stalls else ""),
    )


def outage(probes: Sequence[Probe]) -> Outage | None:
    """The longest run of probes that were not answered well, degraded answers aside; None when all were."""
    longest: Outage | None = None
    start: float | None = None
    for probe in probes:
        if probe.outcome in ("unknown", "fail"):
            start = probe.t if start is None else start
        elif start is not None:
            if longest is None or probe.t - start > (longest.end or 0.0) - longest.start:
                longest = Outage(start, probe.t)
            start = None
    return Outage(start, None) if start is not None else longest


def _strip(key: str, probes: list[Probe], axis: Linear, y: float) -> Iterable[Markup]:
    worst: dict[int, Outcome] = {}
    last = int((axis.end - axis.start) / SLICE) - 1
    for probe in probes:
        n = min(int((axis.at(probe.t) - axis.start) / SLICE), last)
        if n not in worst or OUTCOMES.index(probe.outcome) > OUTCOMES.index(worst[n]):
            worst[n] = probe.outcome
    for outcome in OUTCOMES:
        for run in runs(sorted(n for n, seen in worst.items() if seen == outcome)):
            high = _ROW * _HEIGHT[outcome]
            yield element(
                "rect",
                x=axis.start + run[0] * SLICE,
                y=y + _ROW - high,
                width=len(run) * SLICE,
                height=high,
                class_=f"probe-{outcome}",
                fill=f"url(#{key}-unknown)" if outcome == "unknown" else None,
            )


def _outage_band(drill: DrillRecord, axis: Linear, top: float, bottom: float) -> Iterable[Markup]:
    if drill.t_zero is not None:
        end = drill.milestones.verified
        x, right = axis.at(0.0), axis.at(axis.high if end is None else end)
        yield element("rect", x=x, y=top, width=right - x, height=bottom - top, class_="band")


def _table(evidence: Evidence) -> Table:
    rows = []
    for kind in KINDS:
        probes = [probe for probe in evidence.probes if probe.kind == kind]
        if not probes:
            continue
        by = {name: sum(probe.outcome == name for probe in probes) for name in OUTCOMES}
        gap = outage(probes)
        rows.append(
            [
                kind,
                figures.count(len(probes)),
                figures.count(by["ok"]),
                figures.count(by["degraded"]),
                figures.count(by["fail"]),
                figures.count(by["unknown"]),
                figures.offset(gap.start) if gap else "none",
                (
                    "none"
                    if gap is None
                    else "to the end"
                    if gap.end is None
                    else figures.duration(gap.end - gap.start)
                ),
            ]
        )
    return Table(
        ["Probe", "Sent", "Good", "Degraded", "Failed", "Unknown", "Longest outage from", "lasted"], rows
    )


def _describe(table: Table) -> str:
    return " ".join(
        f"{kind}: {sent} probes, {good} good, {degraded} degraded, {failed} failed, "
        f"{unknown} unknown; longest outage {lasted}."
        for kind, sent, good, degraded, failed, unknown, _, lasted in table.rows
    )
