"""Where the recovery time went: its phases from T0 to verified, and how much of the RTO they used."""

from __future__ import annotations

from markupsafe import Markup

from reports import figures
from reports.charts.svg import WIDTH, Chart, Table, document, element, text_width
from reports.record import DrillRecord, Phase

_BAR, _EDGE, _COLOURS = 28.0, 2.0, 4
_ROUNDING_S = 1e-6


def recovery_phases(drill: DrillRecord) -> list[Phase]:
    """The drill's phases between T0 and verified; none when recovery was never verified."""
    verified = drill.milestones.verified
    if verified is None:
        return []
    return [phase for phase in drill.phases if phase.start_s >= 0 and phase.end_s <= verified + _ROUNDING_S]


def phases(key: str, drill: DrillRecord) -> Chart | None:
    """Draw it; None when recovery was never verified.

    :param key: unique on the page.
    """
    pieces = recovery_phases(drill)
    total = drill.milestones.verified
    if not pieces or not total:
        return None
    scale = (WIDTH - 2 * _EDGE) / total
    content: list[Markup] = []
    for n, piece in enumerate(pieces):
        x, width = _EDGE + piece.start_s * scale, max((piece.end_s - piece.start_s) * scale, 1.0)
        content.append(element("rect", x=x, y=0, width=width, height=_BAR, class_=f"phase p{n % _COLOURS}"))
    legend, height = _legend(pieces, _BAR + 18)
    content += legend
    objective = drill.recovery_objective
    if objective and objective.target_s:
        content += _against(total, objective.target_s, height + 4)
        height += 34
    longest = max(pieces, key=length)
    return Chart(
        "Where the recovery time went",
        document(
            key,
            f"Phases of recovery: {drill.title}",
            f"{figures.duration(total)} from fault to verified; longest: {longest.name}, {_said(longest)}.",
            height,
            content,
        ),
        Table(
            ["Phase", "From", "To", "Took", "Share"],
            [
                [
                    piece.name,
                    figures.offset(piece.start_s),
                    figures.offset(piece.end_s),
                    _said(piece),
                    figures.percent(length(piece) / total),
                ]
                for piece in pieces
            ],
        ),
        "Detection ends when the alert has arrived, response when somebody acts, repair with the first good "
        "answer, validation when every box holds. The thin bar is the share of the promise that was used.",
    )


def length(phase: Phase) -> float:
    """How long it took, in seconds."""
    return phase.end_s - phase.start_s


def _said(phase: Phase) -> str:
    return figures.duration(length(phase))


def _legend(pieces: list[Phase], y: float) -> tuple[list[Markup], float]:
    """The names under the bar, in its order, and where they end."""
    content, x = [], _EDGE
    for n, piece in enumerate(pieces):
        text = f"{piece.name} {_said(piece)}"
        width = text_width(text) + 34
        if x + width > WIDTH and x > _EDGE:
            x, y = _EDGE, y + 18
        content.append(element("rect", x=x, y=y - 9, width=10, height=10, class_=f"phase p{n % _COLOURS}"))
        content.append(element("text", [text], x=x + 16, y=y))
        x += width
    return content, y + 8


def _against(total: float, target: float, y: float) -> list[Markup]:
    whole = WIDTH - 2 * _EDGE
    longest = max(total, target)
    used = max(whole * total / longest, 1.5)
    limit = _EDGE + whole * target / longest
    text = f"{figures.duration(total)} used of {figures.duration(target)}: {figures.percent(total / target)}"
    bar = "gauge-over" if total > target else "gauge-used"
    return [
        element("rect", x=_EDGE, y=y, width=whole, height=8, class_="gauge"),
        element("rect", x=_EDGE, y=y, width=used, height=8, class_=bar),
        element("line", x1=limit, x2=limit, y1=y - 3, y2=y + 11, class_="marker limit"),
        element("text", [text], x=_EDGE, y=y + 24, class_="tick"),
    ]
