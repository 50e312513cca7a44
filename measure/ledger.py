"""The ledger checker: what became of every write that the workload was told had succeeded.

The **history** says what the workload attempted and what it was told, the **survivors** what is in the
database after recovery. Both are JSON lines, in UTF-8::

    history      {"n": 17, "id": "01J…", "kind": "invoke", "t": 12.345678, "value": "…"}
                 {"n": 17, "id": "01J…", "kind": "ok", "t": 12.349101}
    survivors    {"id": "01J…", "value": "…"}

``kind`` is ``invoke`` before an operation is sent, then ``ok`` (acknowledged), ``fail`` (certainly not
done) or ``info`` (its fate is unknown). ``t`` is in seconds, on the clock that the fault's time is read
from too.

**Classes.** Each id is in one class, or absent and of no account (–):

========================  ===================  ====================  ======================  =======
what the client was told  present, same value  present, other value  present more than once  absent
========================  ===================  ====================  ======================  =======
acknowledged              survived             corrupt               duplicate               lost
unknown                   recovered            corrupt               duplicate               unknown
failed, or never invoked  phantom              phantom               phantom                 –
========================  ===================  ====================  ======================  =======

**Reading the files.**

- An id names one operation, wherever its lines stand: the order of lines means nothing, so that the
  histories of several writers can be concatenated. An id that is invoked twice, or completed but never
  invoked, is an error: two writers that share an id would hide each other's losses.
- An operation without a completion is unknown: the answer never came, or the client was killed. Of several
  completions, ``ok`` counts before ``info``, and ``info`` before ``fail``: who was once told "done" relies
  on it, and what may have happened is not certainly undone. The first ``ok`` is the acknowledgement.
- Values can be any JSON. They are the same when they are the same string, or the same JSON of another type,
  in which white space and the order of keys do not count and numbers with a fraction are doubles; ``17``,
  ``17.0`` and ``"17"`` differ. The ``value`` of a completion is not looked at, nor is ``n``, nor any key that
  is not named here.
- Blank lines and CRLF are let pass, and so is a last line without a newline, if it is whole. All else that
  is not as above is an error that names the line: a last line that is cut off in the middle, a key that is
  there twice, a time that is no finite number. A history that cannot be read to its end proves nothing.

**Figures.**

- ``rpo_actual_s``: the fault's time minus the acknowledgement time of the oldest write that was lost, of
  those acknowledged by then; 0 when none of these is lost. Null when the verdict is INVALID, and when
  nothing had been acknowledged by then: it was not measured.
- ``recovery_point_t``: the acknowledgement time of the newest write that survived, of those acknowledged by
  the fault's time: how far the recovered data reach. Later ones say nothing about that; the load goes on
  after recovery. It may be newer than the oldest loss, when the losses have gaps. Null when there is no
  such write.
- Differences of times are rounded to a nanosecond, the clock's own resolution, so that 60 s is not above 60
  s.

**Verdict.** FAIL for any phantom, duplicate or corrupt id, for a loss of a write acknowledged after the
fault, whatever the RPO, and for a loss older than the RPO. INVALID when nothing was attempted, when nothing
was acknowledged by the fault's time, and when something of that was lost but the load ran for less than the
RPO before the fault: an older loss could not have shown. FAIL goes before INVALID. Without an RPO, what was
acknowledged before the fault and lost is counted and not judged.

**Certainty.** Ids and values are compared by hashes of 61 and 64 bits, with another random seed in each
run. Two invoked ids of one hash look like one that is invoked twice; reading these lines again tells them
apart, and the check starts over with another seed. What is left is a phantom row with the hash of an
invoked id: among ten million ids, one in 10**11 phantoms; and a wrong value with the hash of the right one:
one in 10**19.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from math import isfinite, isinf
from pathlib import Path

from measure.ledger_count import Collision, LedgerError, count
from measure.ledger_join import Tally
from measure.verdict import Verdict, worst

__all__ = ["LedgerError", "LedgerResult", "check", "judge"]


@dataclass(frozen=True)
class LedgerResult:
    """Counts of ids by class, figures in seconds, and the verdict; ``reasons`` is empty when it is PASS.

    ``acked`` is the sum of survived, lost, and those of duplicate and corrupt that were acknowledged;
    ``lost`` includes ``lost_after_fault``; ``unknown`` are the ids of unknown fate that are absent.
    """

    attempted: int
    acked: int
    survived: int
    lost: int
    lost_after_fault: int
    recovered: int
    unknown: int
    phantom: int
    duplicate: int
    corrupt: int
    rpo_actual_s: float | None
    recovery_point_t: float | None
    verdict: Verdict
    reasons: tuple[str, ...]


def check(
    history: Path, survivors: Path, fault_at: float, rpo_s: float | None, *, gives_up_later: bool = False
) -> LedgerResult:
    """Judge a history against what survived.

    :param fault_at: when the fault took effect, in seconds on the clock of the history.
    :param rpo_s: the recovery point objective in seconds; None for a component without one.
    :param gives_up_later: the recovery went back to the fault's time on purpose: what was acknowledged after
        it and lost is counted, and not judged.
    :raises LedgerError: a file is missing or malformed, or a parameter is not a number of seconds.
    """
    if not isfinite(fault_at):
        raise LedgerError(
            f"fault time {fault_at} is no number of seconds", "give the time of the fault as in the history"
        )
    if rpo_s is not None and not (isfinite(rpo_s) and rpo_s >= 0):
        raise LedgerError(f"RPO {rpo_s} is no number of seconds", "give 0 or more seconds, or none")
    while True:
        try:
            tally, first_invoke = count(history, survivors, fault_at, seed=secrets.randbits(64))
        except Collision:
            continue
        return judge(tally, first_invoke, fault_at, rpo_s, gives_up_later=gives_up_later)


def judge(
    tally: Tally, first_invoke: float, fault_at: float, rpo_s: float | None, *, gives_up_later: bool = False
) -> LedgerResult:
    """The verdict on what was counted. Times in seconds; ``first_invoke`` is when the load began."""
    fails: list[str] = []
    invalids: list[str] = []
    lost_before = tally.lost - tally.lost_after_fault
    rpo_actual = round(fault_at - tally.oldest_lost, 9) if lost_before else 0.0
    load_s = round(fault_at - first_invoke, 9)
    if tally.lost_after_fault and not gives_up_later:
        fails.append(f"{_writes(tally.lost_after_fault)} acknowledged after the fault and lost")
    if rpo_s is not None and rpo_actual > rpo_s:
        fails.append(
            f"{_writes(lost_before)} acknowledged before the fault and lost, "
            f"the oldest {rpo_actual:g} s before it: the RPO is {rpo_s:g} s"
        )
    if tally.corrupt:
        fails.append(f"{_rows(tally.corrupt)} with another value than was written")
    if tally.duplicate:
        fails.append(f"{_writes(tally.duplicate)} present more than once")
    if tally.phantom:
        fails.append(f"{_rows(tally.phantom)} of writes that failed or were never attempted")
    if not tally.attempted:
        invalids.append("no write was attempted: the workload never ran")
    elif not tally.acked_in_time:
        invalids.append("no write was acknowledged before the fault: there was nothing to lose")
    if rpo_s is not None and lost_before and load_s < rpo_s:
        invalids.append(
            f"{_writes(lost_before)} lost, but the load ran for {load_s:g} s before the fault, "
            f"less than the RPO of {rpo_s:g} s: an older loss could not have shown"
        )
    verdict = worst([Verdict.FAIL] * len(fails) + [Verdict.INVALID] * len(invalids) + [Verdict.PASS])
    measured = tally.acked_in_time > 0 and verdict is not Verdict.INVALID
    return LedgerResult(
        attempted=tally.attempted,
        acked=tally.acked,
        survived=tally.survived,
        lost=tally.lost,
        lost_after_fault=tally.lost_after_fault,
        recovered=tally.recovered,
        unknown=tally.unknown,
        phantom=tally.phantom,
        duplicate=tally.duplicate,
        corrupt=tally.corrupt,
        rpo_actual_s=rpo_actual if measured else None,
        recovery_point_t=None if isinf(tally.newest_survivor) else tally.newest_survivor,
        verdict=verdict,
        reasons=(*fails, *invalids),
    )


def _writes(count: int) -> str:
    return "1 write" if count == 1 else f"{count} writes"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
