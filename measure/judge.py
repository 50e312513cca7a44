"""The verdict on a drill: what was promised against what was seen, and whether it was seen at all.

Three-valued. FAIL is what the evidence shows for certain: it stands even where other evidence is missing.
INVALID is what the drill could not show: the fault had no effect, no load ran, the observer saw nothing, an
alert was firing before, a figure lies within its own resolution of its limit. What an invalid drill seems to
show is not held against anybody: without an effect, no alert had to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from measure.compare import Comparison
from measure.timeline import Span
from measure.verdict import Verdict, worst
from recovery.model import BoxResult

_NO_EFFECT = "the fault had no visible effect: no probe failed, was slowed down or lost the cache"


class Ledger(Protocol):
    """What the ledger checker found (:class:`measure.ledger.LedgerResult`)."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def rpo_actual_s(self) -> float | None: ...


@dataclass(frozen=True)
class Promises:
    """What the plan promises, in seconds; None: it promises nothing of the kind.

    :param recovery: what the recovery time is called: ``RTO``, or ``failover SLA`` in that procedure.
    :param rpo_of: what ``rpo_s`` is about: the ledger's sales, or the series that monitoring records.
    :param max_stall_s: how long the observer may stand still.
    """

    rto_s: float
    rpo_s: float | None
    detection_s: float | None
    max_stall_s: float
    recovery: str = "RTO"
    rpo_of: Literal["sales", "series"] = "sales"


@dataclass(frozen=True)
class Detection:
    """What the far end of the alerting saw.

    :param at_s: when the first of the drill's alerts arrived, in seconds since the fault was first felt
        (:func:`measure.timeline.felt_from`), as the recovery time is; None: none did.
    :param waited_s: for how long one was waited for, in seconds since then.
    :param alerts: the alerts, any of which would have done.
    :param firing_before: which of them were firing when the fault was injected.
    """

    at_s: float | None
    waited_s: float
    alerts: Sequence[str]
    firing_before: Sequence[str] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything that a drill is judged by.

    :param effect: what of the fault was to be seen, as a phrase (:func:`measure.timeline.visible_effect`);
        None: nothing.
    :param recovery: from the fault to verified; None: it was never verified.
    :param waited_s: how long after T0 recovery was waited for, where it was never verified.
    :param worst_stall_s: the longest time between T0 and verified in which the observer saw nothing.
    :param observer_died: why the observer is not there any more; None: it ended in order.
    :param acked_before: acknowledged writes before T0, for each way of writing that the load should use.
    :param workload_died: why the workload is not there any more; None: it ended in order.
    :param series_lost_s: of how many seconds the series are lost; None: it is not known.
    :param baseline: differences from before (:func:`measure.baseline.compare`).
    :param residue: traces that were left behind.
    :param failures: what else went wrong for certain, each a sentence.
    :param problems: what else kept the drill from proving anything, each a sentence.
    """

    effect: str | None
    recovery: Span | None
    waited_s: float
    worst_stall_s: float | None
    acked_before: Mapping[str, int]
    ledger: Ledger | None
    detection: Detection | None = None
    observer_died: str | None = None
    workload_died: str | None = None
    series_lost_s: float | None = None
    boxes: Sequence[BoxResult] = ()
    comparisons: Sequence[Comparison] = ()
    baseline: Sequence[str] = ()
    residue: Sequence[str] = ()
    failures: Sequence[str] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Objective:
    """One promise against what was measured. ``note`` says why it is not PASS."""

    name: str
    target_s: float | None
    actual_s: float | None
    resolution_s: float | None
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Judgement:
    """``reasons`` are why the verdict is not PASS: failures first, then what was not proved."""

    verdict: Verdict
    reasons: list[str] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=list)


def judge(promises: Promises, evidence: Evidence) -> Judgement:
    """Judge one drill."""
    unseen = _unseen(promises, evidence)
    objectives = [_recovery(promises, evidence, unseen)]
    if promises.detection_s is not None:
        objectives.append(_detection(promises.detection_s, evidence, unseen))
    objectives.append(_data(promises, evidence))
    notes = {
        verdict: [objective.note for objective in objectives if objective.verdict is verdict]
        for verdict in Verdict
    }
    fails = [*evidence.failures, *notes[Verdict.FAIL], *_failures(evidence)]
    invalids = [*unseen, *notes[Verdict.INVALID], *_not_proved(evidence)]
    verdict = worst([Verdict.FAIL] * len(fails) + [Verdict.INVALID] * len(invalids) + [Verdict.PASS])
    return Judgement(verdict, list(dict.fromkeys([*fails, *invalids])), objectives)


def told(box: BoxResult) -> str:
    """A box that does not hold, or could not be examined, as a sentence."""
    return f"{box.text}: {'could not be examined: ' if box.holds is None else ''}{box.evidence}"


def _unseen(promises: Promises, evidence: Evidence) -> list[str]:
    """Why nothing was proved about what the fault did and how it ended; empty when it was."""
    blind = _blind(promises, evidence)
    effect = [] if blind or evidence.effect is not None else [_NO_EFFECT]
    return [*evidence.problems, *blind, *effect]


def _blind(promises: Promises, evidence: Evidence) -> list[str]:
    """Why the observer cannot be believed; then "it saw nothing" does not mean that nothing happened."""
    found = []
    if evidence.observer_died:
        found.append(f"the observer died: {evidence.observer_died}")
    stall = evidence.worst_stall_s
    if stall is None:
        found.append("the observer was not running between the fault and the end of the recovery")
    elif stall > promises.max_stall_s:
        found.append(
            f"the observer stood still for {stall:.2f} s, where {promises.max_stall_s:g} s are allowed: "
            "what happened meanwhile was not seen"
        )
    return found


def _recovery(promises: Promises, evidence: Evidence, unseen: Sequence[str]) -> Objective:
    name, target, span = promises.recovery, promises.rto_s, evidence.recovery
    if span is None:
        if unseen:
            return Objective(name, target, None, None, Verdict.INVALID, unseen[0])
        note = f"the service was not recovered when the wait for it ended, {evidence.waited_s:.1f} s after T0"
        return Objective(name, target, None, None, Verdict.FAIL, note)

    def objective(verdict: Verdict, note: str = "") -> Objective:
        return Objective(name, target, span.actual_s, span.resolution_s, verdict, note)

    width = span.resolution_s
    took = f"recovery took {span.actual_s:.2f} s" + ("" if width is None else f" ± {width:.2f} s")
    if evidence.effect is not None and width is not None and span.actual_s - width > target:
        return objective(Verdict.FAIL, f"{took}, the {name} is {target:g} s")
    if unseen:
        return objective(Verdict.INVALID, unseen[0])
    if width is None:
        return objective(Verdict.INVALID, f"{took}, how exactly is not known: the {name} was not tested")
    if span.actual_s + width > target:
        return objective(Verdict.INVALID, f"{took}, too close to the {name} of {target:g} s to tell")
    return objective(Verdict.PASS)


def _detection(target: float, evidence: Evidence, unseen: Sequence[str]) -> Objective:
    found = evidence.detection
    if found is None:
        note = "detection was not measured: no alert was waited for"
        return Objective("detection", target, None, None, Verdict.INVALID, note)

    def objective(verdict: Verdict, note: str = "") -> Objective:
        return Objective("detection", target, found.at_s, None, verdict, note)

    alerts = " or ".join(found.alerts)
    if found.firing_before:
        verb = "was" if len(found.firing_before) == 1 else "were"
        note = f"{' and '.join(found.firing_before)} {verb} firing before the fault: nothing was detected"
        return objective(Verdict.INVALID, note)
    if evidence.effect is None and (found.at_s is None or _NO_EFFECT in unseen):
        return objective(Verdict.INVALID, unseen[0])
    if found.at_s is None:
        waited = f"no notification of {alerts} arrived within {found.waited_s:.1f} s"
        if found.waited_s < target:
            return objective(Verdict.INVALID, f"{waited}; the budget of {target:g} s was not waited for")
        return objective(Verdict.FAIL, f"{waited}: the detection time is {target:g} s")
    if found.at_s > target:
        late = f"the notification of {alerts} arrived after {found.at_s:.1f} s"
        return objective(Verdict.FAIL, f"{late}: the detection time is {target:g} s")
    return objective(Verdict.PASS)


def _data(promises: Promises, evidence: Evidence) -> Objective:
    """The RPO. What else the ledger found is told by :func:`_failures` and :func:`_not_proved`."""
    target, ledger = promises.rpo_s, evidence.ledger
    if promises.rpo_of == "series" and target is not None:
        return _series(target, evidence.series_lost_s)
    idle = _idle(evidence)
    if ledger is None:
        note = "the data was not compared: there is no ledger"
        return Objective("RPO", target, None, None, Verdict.INVALID, note)
    if idle and ledger.verdict is not Verdict.FAIL:
        return Objective("RPO", target, ledger.rpo_actual_s, None, Verdict.INVALID, idle[0])
    note = "".join(f"ledger: {reason}" for reason in ledger.reasons[:1])
    return Objective("RPO", target, ledger.rpo_actual_s, None, ledger.verdict, note)


def _series(target: float, lost_s: float | None) -> Objective:
    if lost_s is None:
        note = "how much of the series is lost is not known"
        return Objective("RPO", target, None, None, Verdict.INVALID, note)
    if lost_s > target:
        note = f"the series of {lost_s:.0f} s are lost, the RPO is {target:g} s"
        return Objective("RPO", target, lost_s, None, Verdict.FAIL, note)
    return Objective("RPO", target, lost_s, None, Verdict.PASS)


def _idle(evidence: Evidence) -> list[str]:
    found = [
        f"no load ran: not one write by {path} was acknowledged before the fault"
        for path, acked in evidence.acked_before.items()
        if not acked
    ]
    if evidence.workload_died:
        found.append(f"the workload died: {evidence.workload_died}")
    return found


def _failures(evidence: Evidence) -> list[str]:
    found = [told(box) for box in evidence.boxes if box.holds is False]
    if evidence.ledger and evidence.ledger.verdict is Verdict.FAIL:
        found += [f"ledger: {reason}" for reason in evidence.ledger.reasons]
    found += [f"baseline: {difference}" for difference in evidence.baseline]
    found += [f"left behind: {trace}" for trace in evidence.residue]
    found += [_compared(each) for each in evidence.comparisons if each.verdict is Verdict.FAIL]
    return found


def _not_proved(evidence: Evidence) -> list[str]:
    found = _idle(evidence)
    found += [told(box) for box in evidence.boxes if box.holds is None]
    if evidence.ledger and evidence.ledger.verdict is Verdict.INVALID:
        found += [f"ledger: {reason}" for reason in evidence.ledger.reasons]
    found += [_compared(each) for each in evidence.comparisons if each.verdict is Verdict.INVALID]
    return found


def _compared(comparison: Comparison) -> str:
    def figure(value: float | None) -> str:
        return "not measured" if value is None else f"{value:.4g} {comparison.unit}"

    return (
        f"{comparison.name}: {figure(comparison.before)} before, {figure(comparison.during)} during, "
        f"{figure(comparison.after)} after (limit: {comparison.limit})"
    )
