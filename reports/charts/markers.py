"""The moments that matter, drawn over a chart of time: T0, alert, recovery, verified, and the RTO."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from reports import figures
from reports.charts.axis import Linear
from reports.charts.svg import element, text_width
from reports.record import DrillRecord

LEVEL_HEIGHT = 15.0


@dataclass(frozen=True)
class Marker:
    """A moment: ``t`` in seconds from T0; ``kind`` is its class in the style sheet."""

    t: float
    label: str
    kind: str


def markers(drill: DrillRecord) -> list[Marker]:
    """The drill's moments, in the order of time."""
    seen = drill.milestones
    found = [
        Marker(0.0, "T0 fault", "fault") if drill.t_zero is not None else None,
        Marker(seen.detected, "alert", "alert") if seen.detected is not None else None,
        Marker(seen.recovery_started, "recovery", "act") if seen.recovery_started is not None else None,
        Marker(seen.verified, "verified", "good") if seen.verified is not None else None,
    ]
    return sorted((marker for marker in found if marker), key=lambda marker: marker.t)


class MarkerRow:
    """Lays out the labels above a chart, on as many levels as it takes for none to cover another."""

    def __init__(self, moments: Iterable[Marker], axis: Linear) -> None:
        self._axis = axis
        self._placed: list[tuple[Marker, float, int, str]] = []
        ends: list[float] = []
        for marker in moments:
            if not axis.inside(marker.t):
                continue
            x = axis.at(marker.t)
            # Against the right edge, the label stands to the left of its line.
            anchor = "end" if x + text_width(marker.label) + 4 > axis.end else "start"
            left = x - text_width(marker.label) - 8 if anchor == "end" else x
            level = next((n for n, end in enumerate(ends) if end <= left), len(ends))
            ends[level : level + 1] = [left + text_width(marker.label) + 12]
            self._placed.append((marker, x, level, anchor))
        self.height = max(1, len(ends)) * LEVEL_HEIGHT + 4

    def draw(self, top: float, bottom: float) -> Iterable[Markup]:
        """Labels from ``top`` on, a line from each down to ``bottom``."""
        for marker, x, level, anchor in self._placed:
            y = top + level * LEVEL_HEIGHT
            yield element("line", x1=x, x2=x, y1=y, y2=bottom, class_=f"marker {marker.kind}")
            yield element(
                "text",
                [marker.label],
                x=x + (4 if anchor == "start" else -4),
                y=y + 11,
                class_=f"label {marker.kind}{' end' if anchor == 'end' else ''}",
            )


def rto_marker(rto_s: float | None, axis: Linear) -> tuple[list[Marker], str]:
    """The line at T0 + RTO where it is on the axis; else the words that stand in for it at the right edge."""
    if rto_s is None:
        return [], ""
    if axis.inside(rto_s):
        return [Marker(rto_s, f"RTO {figures.duration(rto_s)}", "limit")], ""
    return [], f"RTO at T0 + {figures.duration(rto_s)} →"
