"""What a run gives cause for: issues, and what to do about each, by rules that name their evidence.

A rule speaks only where the record holds the fact it speaks of; nothing is recommended on general grounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from measure.verdict import Verdict
from reports import figures
from reports.charts.phases import length, recovery_phases
from reports.record import DrillRecord, Objective, Record

THIN_MARGIN = 0.2
"""A promise kept with less than this share of its target to spare is worth a recommendation."""

LONG_PART = 0.5
"""A part of the recovery time is worth naming when it takes more than this share of it."""


@dataclass(frozen=True)
class Finding:
    """An observation and what follows from it.

    :param drill: the drill's id, and ``title`` its title; empty: the run as a whole.
    :param issue: what is wrong; empty when nothing is, and only a recommendation follows.
    """

    drill: str
    title: str
    issue: str
    recommendation: str


_Pair = tuple[str, str]
"""An issue, which may be empty, and a recommendation."""


def findings(record: Record) -> list[Finding]:
    """All findings of a run, the drills' in their order, then the run's own."""
    found = [
        Finding(drill.id, drill.title, issue, advice)
        for drill in record.drills
        for issue, advice in _all(drill)
    ]
    if record.not_reached:
        found.append(
            Finding(
                "",
                "",
                f"Not reached: {', '.join(record.not_reached)}.",
                "Run them: what was not drilled is not known to work.",
            )
        )
    if record.problem:
        found.append(Finding("", "", record.problem.strip(), "Remove the cause, then repeat the run."))
    if record.cleanup and record.cleanup.left:
        left = ", ".join(record.cleanup.left)
        found.append(
            Finding("", "", f"Left behind after the run: {left}.", "Remove it, and find out why it stayed.")
        )
    return found


def _all(drill: DrillRecord) -> list[_Pair]:
    found = list(_of_drill(drill))
    if drill.verdict is Verdict.FAIL and not any(issue for issue, _ in found):
        reasons = "; ".join(drill.reasons) or "no reason was recorded"
        found.append((f"The drill failed: {reasons}", "Find the cause in the evidence of the drill."))
    return found


def _of_drill(drill: DrillRecord) -> Iterator[_Pair]:
    for objective in drill.objectives:
        yield from _of_objective(drill, objective)
    yield from _of_ledger(drill)
    late = drill.recovery_objective is not None and drill.recovery_objective.verdict is Verdict.FAIL
    for box in drill.boxes:
        if box.box == "recovery-time" and late:
            continue  # said of the objective already
        if box.holds is False:
            yield (
                f"Box “{box.text}” does not hold: {box.evidence}",
                "Find in the logs of the services what keeps it from holding.",
            )
        elif box.holds is None:
            yield (
                f"Box “{box.text}” could not be examined: {box.evidence}",
                "Make it examinable: a box nobody can tick promises nothing.",
            )
    ran = [step for step in drill.steps if step.status in ("ok", "failed")]
    for step in ran:
        # That a lower rung does not help is what the higher ones are for.
        if step.status == "failed" and step.rung == ran[-1].rung:
            yield (
                f"{step.section}, “{step.title}”, failed.",
                f"Change this step of the plan, or what keeps it from its expected result ({step.expected}).",
            )
    for comparison in drill.comparisons:
        if comparison.verdict is Verdict.FAIL:
            after = figures.number(comparison.after, comparison.unit)
            yield (
                f"{comparison.name}: {after} after recovery, allowed: {comparison.limit or 'not stated'}.",
                "Find out why it did not come back to what it was before the fault.",
            )
    for difference in (drill.baseline.differences or []) if drill.baseline else []:
        yield (f"Baseline: {difference}.", "Restore it, and find out what wrote to it.")
    if drill.residue:
        yield (f"Residue: {'; '.join(drill.residue)}", "Mend the healing of this fault.")
    if drill.fault and drill.fault.effective and not drill.fault.healed:
        yield (f"The fault {drill.fault.name} was not healed.", "Heal it by hand: dr chaos halt.")
    if drill.verdict is Verdict.INVALID:
        reasons = "; ".join(drill.reasons) or "no reason was recorded"
        yield (f"The drill proved nothing: {reasons}", "Remove the cause, and repeat the drill.")
    for deviation in drill.deviations:
        yield ("", f"Bring plan and practice together. Departed from: {deviation}")


def _of_objective(drill: DrillRecord, objective: Objective) -> Iterator[_Pair]:
    target, actual = objective.target_s, objective.actual_s
    if actual is None or target is None:
        if objective.verdict is Verdict.FAIL:
            yield (
                f"{objective.name} missed: {objective.note or 'never reached'}.",
                _shorten(drill, objective),
            )
        return
    said = f"{figures.duration(actual)} against {figures.duration(target)}"
    if objective.verdict is Verdict.FAIL:
        # Within its limit and failed all the same: what the ledger found besides, see _of_ledger.
        if actual > target:
            yield (f"{objective.name} missed: {said}.", _shorten(drill, objective))
    elif objective.verdict is Verdict.PASS and target - actual < THIN_MARGIN * target:
        share = figures.percent((target - actual) / target) if target else "nothing"
        yield (
            "",
            f"{objective.name} was kept with {share} to spare ({said}). {_shorten(drill, objective)}",
        )


def _shorten(drill: DrillRecord, objective: Objective) -> str:
    """What would help most against ``objective``: the longest part of the recovery, where it is known."""
    if objective.name == "RPO":
        return "Let writes leave the machine sooner than this."
    if objective.name == "detection":
        return "Look at the alert's rule, its `for`, and the intervals of scraping, evaluating and grouping."
    parts = recovery_phases(drill)
    if not parts:
        return "Find out what kept the recovery from being verified."
    longest = max(parts, key=length)
    share = length(longest) / (drill.milestones.verified or 1.0)
    if share < LONG_PART:
        return "No single part of the recovery took more than half of it; look at all of them."
    return f"Most of the time ({figures.percent(share)}) went into: {longest.name}; begin there."


def _of_ledger(drill: DrillRecord) -> Iterator[_Pair]:
    ledger = drill.ledger
    if ledger is None:
        return
    if ledger.lost and ledger.verdict is Verdict.FAIL:
        late = figures.count(ledger.lost_after_fault)
        after = f", {late} of them acknowledged after the fault" if ledger.lost_after_fault else ""
        yield (
            f"{figures.plural(ledger.lost, 'acknowledged write')} lost{after}.",
            "Acknowledge a write only once it is durable where the recovery looks for it.",
        )
    for number, what, remedy in (
        (ledger.corrupt, "with another value than was written", "Find out which write path changed it."),
        (ledger.duplicate, "there more than once", "Make the write idempotent by its id."),
        (
            ledger.phantom,
            "that nobody was promised",
            "Find out which refused write was carried out after all.",
        ),
    ):
        if number:
            yield (f"{figures.plural(number, 'row')} {what}.", remedy)
