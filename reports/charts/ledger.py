"""The ledger: writes that were acknowledged against those whose rows survived; the gap is what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from markupsafe import Markup

from reports import figures
from reports.charts.axis import Linear, count_ticks, time_axis
from reports.charts.markers import MarkerRow, markers
from reports.charts.svg import Chart, Table, document, element, hatch
from reports.evidence import Evidence, Write
from reports.record import DrillRecord

SLICE = 3.0
_HEIGHT, _RUG = 150.0, 12.0


def ledger(key: str, drill: DrillRecord, evidence: Evidence, axis: Linear) -> Chart:
    """Draw it.

    :param key: unique on the page.
    """
    writes = evidence.writes
    acked = [write for write in writes if write.fate == "ok" and write.settled is not None]
    known = all(write.survived is not None for write in acked)
    lost = [write for write in acked if write.survived is False]
    row = MarkerRow(markers(drill), axis)
    bottom = row.height + _HEIGHT
    scale = Linear(0.0, float(max(len(acked), 1)), bottom, row.height + 6)
    content: list[Markup] = [hatch(f"{key}-lost", "hatch-lost")]
    content += time_axis(axis, row.height, bottom + (_RUG if lost else 0), drill.t_zero is not None)
    for tick in count_ticks(scale.high):
        y = scale.at(tick)
        content.append(element("line", x1=axis.start, x2=axis.end, y1=y, y2=y, class_="grid"))
        content.append(
            element("text", [figures.count(int(tick))], x=axis.start - 8, y=y + 4, class_="tick end")
        )
    acked_line = _climb([write.settled or 0.0 for write in acked], axis, scale)
    if known:
        kept = [write.settled or 0.0 for write in acked if write.survived]
        kept_line = _climb(kept, axis, scale)
        if lost:
            area = f"M{'L'.join(acked_line)}L{'L'.join(reversed(kept_line))}Z"
            content.append(element("path", d=area, fill=f"url(#{key}-lost)", class_="lost-area"))
            content += _rug(lost, axis, bottom)
        content.append(element("path", d=f"M{'L'.join(kept_line)}", class_="kept-line"))
    content.append(element("path", d=f"M{'L'.join(acked_line)}", class_="acked-line"))
    content += row.draw(0, bottom)
    table = _table(writes)
    outcome = f"{figures.count(len(lost))} of them lost" if known else "which of them survived is not known"
    return Chart(
        "Ledger: what was promised, what is there",
        document(
            key,
            f"Ledger: {drill.title}",
            f"{figures.count(len(writes))} writes sent, {figures.count(len(acked))} acknowledged, {outcome}.",
            bottom + (_RUG if lost else 0) + 20,
            content,
        ),
        table,
        "Cumulative counts. Dashed: acknowledged, at the moment of the acknowledgement. Solid: "
        "those whose row was there, with the same value, at the end. "
        + (
            "The hatched gap is what was lost; each lost write is a tick below the axis."
            if lost
            else "Dashed lies on solid: nothing was lost."
            if known
            else "The solid line is missing, for the survivors were not read."
        ),
    )


def _climb(moments: Iterable[float], axis: Linear, scale: Linear) -> list[str]:
    counts = Counter(int((axis.at(t) - axis.start) / SLICE) for t in moments)
    slices = int((axis.end - axis.start) / SLICE) + 1
    totals = accumulate(counts[n] for n in range(slices))
    points = [f"{axis.start:.1f} {scale.at(0):.1f}"]
    for n, total in enumerate(totals):
        points.append(f"{min(axis.start + (n + 1) * SLICE, axis.end):.1f} {scale.at(total):.1f}")
    return points


def _rug(lost: Iterable[Write], axis: Linear, bottom: float) -> Iterable[Markup]:
    ticks = sorted({round(axis.at(write.settled or 0.0)) for write in lost})
    yield element("path", d="".join(f"M{x} {bottom + 2:.0f}v9" for x in ticks), class_="lost-rug")


def _table(writes: list[Write]) -> Table:
    rows = []
    for path in sorted({write.path for write in writes}):
        own = [write for write in writes if write.path == path]
        fates = Counter(write.fate for write in own)
        lost = [write for write in own if write.fate == "ok"]
        missing = sum(write.survived is False for write in lost)
        rows.append(
            [
                path,
                figures.count(len(own)),
                figures.count(fates["ok"]),
                figures.count(fates["fail"]),
                figures.count(fates["info"] + fates[None]),
                "not known" if any(write.survived is None for write in lost) else figures.count(missing),
            ]
        )
    return Table(["Path", "Sent", "Acknowledged", "Refused", "Fate unknown", "Acknowledged and gone"], rows)
