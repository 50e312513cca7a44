"""The incident as it unfolded: what the record says happened, in the order of time across all drills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from reports.record import DrillRecord, Record

_MILESTONES = {
    "first_error": "First error",
    "detected": "Alert arrived",
    "recovery_started": "Recovery started",
    "process_up": "Process up",
    "first_good": "First good answer",
    "first_acked_write": "First acknowledged write",
    "steady": "Steady",
    "verified": "Verified",
}


def milestones(drill: DrillRecord) -> list[tuple[str, float | None]]:
    """A drill's milestones by the names that people know, in seconds from T0: first those that were seen."""
    found = [(name, getattr(drill.milestones, key)) for key, name in _MILESTONES.items()]
    return sorted(found, key=lambda each: (each[1] is None, each[1] or 0.0))


@dataclass(frozen=True)
class Happening:
    """One line of the timeline. ``at_s`` is in seconds from the drill's T0; None where there is no T0."""

    utc: datetime
    at_s: float | None
    drill: str
    what: str
    simulated: bool = False


def timeline(record: Record) -> list[Happening]:
    """Every moment of every drill, and of the run."""
    found = [Happening(record.started_utc, None, "", "Run started")]
    for drill in record.drills:
        found += _of_drill(drill)
    if record.finished_utc:
        found.append(Happening(record.finished_utc, None, "", f"Run ended: {record.status}"))
    return sorted(found, key=lambda happening: happening.utc)


def _of_drill(drill: DrillRecord) -> Iterator[Happening]:
    yield Happening(drill.started_utc, None, drill.title, "Drill started")
    zero = drill.t0_utc
    if zero is None:
        ended = drill.started_utc + timedelta(seconds=drill.duration_s)
        yield Happening(
            ended, None, drill.title, f"Drill ended without a fault in effect: {drill.verdict.value}"
        )
        return
    description = drill.fault.description if drill.fault else "Fault in effect"
    yield Happening(zero, 0.0, drill.title, f"T0: {description}")
    for name, seen in milestones(drill):
        if seen is not None:
            yield Happening(zero + timedelta(seconds=seen), seen, drill.title, name)
    for alert in drill.alerts:
        at = zero + timedelta(seconds=alert.at_s)
        # The pager is the suite's own receiver: nobody was really woken up.
        what = f"{alert.channel}: {alert.name} {alert.status}"
        yield Happening(at, alert.at_s, drill.title, what, simulated=True)
    for step in drill.steps:
        if step.started_s is not None:
            at = zero + timedelta(seconds=step.started_s)
            what = f"{step.section}: {step.title} ({step.status})"
            yield Happening(at, step.started_s, drill.title, what, simulated=True)
