"""The whole run: a lane a drill, and when in it the fault was in effect."""

from __future__ import annotations

from markupsafe import Markup

from reports import figures
from reports.charts.axis import Linear, time_label, time_ticks
from reports.charts.svg import WIDTH, Chart, Table, document, element, text_width
from reports.record import Record

_LEFT, _RIGHT, _LANE, _BAR = 200.0, 14.0, 26.0, 14.0


def run(key: str, record: Record) -> Chart | None:
    """Draw it; None when no drill ran.

    :param key: unique on the page.
    """
    if not record.drills:
        return None
    starts = [(drill.started_utc - record.started_utc).total_seconds() for drill in record.drills]
    end = max([start + drill.duration_s for start, drill in zip(starts, record.drills, strict=True)] + [1.0])
    axis = Linear(0.0, max(end, record.duration_s or 0.0), _LEFT, WIDTH - _RIGHT)
    bottom = 6 + _LANE * len(record.drills)
    content: list[Markup] = []
    for tick in time_ticks(axis):
        x = axis.at(tick)
        label = "start" if tick == 0 else time_label(tick)
        content.append(element("line", x1=x, x2=x, y1=0, y2=bottom, class_="grid"))
        content.append(element("text", [label], x=x, y=bottom + 15, class_="tick middle"))
    rows = []
    for n, (drill, start) in enumerate(zip(record.drills, starts, strict=True)):
        y = 6 + n * _LANE
        name = drill.title
        while text_width(name) > _LEFT - 12:
            name = name.rstrip("…")[:-1].rstrip() + "…"
        content.append(element("text", [name], x=_LEFT - 8, y=y + 12, class_="name end"))
        width = max(axis.at(start + drill.duration_s) - axis.at(start), 1.0)
        content.append(element("rect", x=axis.at(start), y=y, width=width, height=_BAR, class_="lane"))
        t_zero = (drill.t0_utc - record.started_utc).total_seconds() if drill.t0_utc else None
        verified = drill.milestones.verified
        if t_zero is not None:
            until = start + drill.duration_s if verified is None else t_zero + verified
            content.append(
                element(
                    "rect",
                    x=axis.at(t_zero),
                    y=y,
                    width=max(axis.at(until) - axis.at(t_zero), 1.0),
                    height=_BAR,
                    class_=f"lane-outage {drill.verdict.value.lower()}",
                )
            )
        rows.append(
            [
                drill.title,
                figures.utc(drill.started_utc),
                figures.duration(drill.duration_s),
                figures.clock(drill.t0_utc) or "no fault in effect",
                figures.offset(verified) if t_zero is not None else "–",
            ]
        )
    table = Table(["Drill", "Started", "Took", "T0 (UTC)", "Verified"], rows)
    return Chart(
        "The run at a glance",
        document(
            key,
            "The drills of this run over time",
            f"{figures.plural(len(record.drills), 'drill')} one after the other.",
            bottom + 20,
            content,
        ),
        table,
        "Light: the drill. Strong: from the fault (T0) until recovery was verified.",
    )
