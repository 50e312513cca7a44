"""The run in a few words and figures, for a reader who reads nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from measure.verdict import Verdict
from reports import figures
from reports.record import Objective, Record


@dataclass(frozen=True)
class Tile:
    """A figure under a label. ``verdict`` None: it is only told."""

    label: str
    value: str
    detail: str = ""
    verdict: Verdict | None = None


def sentence(record: Record) -> str:
    """What the verdict means."""
    total = len(record.drills) + len(record.not_reached)
    failed = sum(drill.verdict is Verdict.FAIL for drill in record.drills)
    invalid = sum(drill.verdict is Verdict.INVALID for drill in record.drills)
    if not record.drills:
        return "No drill ran: nothing is known about any promise of the plan."
    parts = []
    if failed:
        parts.append(f"{figures.count(failed)} of {figures.plural(total, 'drill')} failed")
    if invalid:
        parts.append(f"{figures.count(invalid)} proved nothing")
    if record.not_reached:
        were = "was" if len(record.not_reached) == 1 else "were"
        parts.append(f"{figures.count(len(record.not_reached))} {were} not reached")
    if record.cleanup and record.cleanup.left:
        parts.append("something was left behind")
    if record.verdict is Verdict.PASS:
        return f"Every promise that was drilled was kept: {figures.plural(total, 'drill')}, all passed."
    if not parts:
        why = record.problem or record.status
        return f"Every drill that ran passed, but the run itself is not sound: {why}."
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def tiles(record: Record) -> list[Tile]:
    """The figures under the verdict."""
    return [
        _drills(record),
        _nearest(record, "Recovery nearest its limit", [d.recovery_objective for d in record.drills]),
        _data(record),
        _nearest(record, "Detection nearest its limit", [d.objective("detection") for d in record.drills]),
        _left(record),
    ]


def _drills(record: Record) -> Tile:
    by = {verdict: sum(drill.verdict is verdict for drill in record.drills) for verdict in Verdict}
    detail = [f"{count} {verdict.value}" for verdict, count in by.items() if count]
    if record.not_reached:
        detail.append(f"{len(record.not_reached)} not reached")
    total = len(record.drills) + len(record.not_reached)
    return Tile("Drills passed", f"{by[Verdict.PASS]} of {total}", ", ".join(detail))


def _nearest(record: Record, label: str, objectives: Iterable[Objective | None]) -> Tile:
    missed = None
    used: list[tuple[float, str, Objective]] = []
    for drill, objective in zip(record.drills, objectives, strict=True):
        if objective is None or not objective.target_s:
            continue
        if objective.actual_s is not None:
            used.append((objective.actual_s / objective.target_s, drill.title, objective))
        elif objective.verdict is Verdict.FAIL:
            missed = missed or Tile(label, "never", drill.title, Verdict.FAIL)
    if missed or not used:
        return missed or Tile(label, figures.NOT_MEASURED)
    share, title, objective = max(used, key=lambda each: each[0])
    value = f"{figures.duration(objective.actual_s)} of {figures.duration(objective.target_s)}"
    return Tile(label, value, f"{figures.percent(share)} of it used: {title}", objective.verdict)


def _data(record: Record) -> Tile:
    ledgers = [drill.ledger for drill in record.drills if drill.ledger]
    label = "Acknowledged writes lost"
    if not ledgers:
        return Tile(label, figures.NOT_MEASURED)
    # Lost after the fault and judged all the same as kept: it was given up with a mistake that was undone.
    given_up = sum(ledger.lost_after_fault for ledger in ledgers if ledger.verdict is Verdict.PASS)
    lost, acked = sum(ledger.lost for ledger in ledgers) - given_up, sum(ledger.acked for ledger in ledgers)
    wrong = sum(ledger.corrupt + ledger.duplicate + ledger.phantom for ledger in ledgers)
    detail = (
        f"{figures.plural(wrong, 'row')} corrupt, duplicate or phantom"
        if wrong
        else "no row corrupt or made up"
    )
    if given_up:
        detail += f"; {figures.plural(given_up, 'write')} given up with a mistake"
    failed = any(ledger.verdict is Verdict.FAIL for ledger in ledgers)
    return Tile(
        label, f"{figures.count(lost)} of {figures.count(acked)}", detail, Verdict.FAIL if failed else None
    )


def _left(record: Record) -> Tile:
    label = "Left behind"
    if record.cleanup is None:
        return Tile(label, "not known", "the run ended before its clean-up")
    if record.cleanup.left:
        return Tile(
            label, figures.plural(len(record.cleanup.left), "thing"), "see proof of clean-up", Verdict.FAIL
        )
    return Tile(label, "nothing", "the stack was kept on purpose" if record.cleanup.kept else "proof below")
