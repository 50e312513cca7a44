"""Undoing faults: one at a time, tried until it holds, its failure told and never swallowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.fault import Fault
from chaos.journal import Journal
from chaos.registry import from_journal
from chaos.runs import healing
from plan.errors import UserError
from stack.stack import Stack
from stack.wait import NotReached, wait_until

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """What healing came to: a sentence for each fault that is healed, and for each that is not."""

    healed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def heal(fault: Fault, timeout_s: float) -> None:
    """Undo ``fault`` and see that no trace of it is left; tried again while it does not hold.

    A fault can land after it was healed: the process that injected it may have died in the middle of it.

    :raises stack.wait.NotReached: when a trace is still there after ``timeout_s``, or half as much again.
    """

    def attempt() -> bool:
        fault.heal()
        fault.wait_healed(timeout_s / 2)
        return True

    wait_until(attempt, timeout_s=timeout_s, what=f"healed: {fault.describe()}", every_s=0.5)


def heal_all(
    run_dir: Path, faults: Iterable[tuple[str, Fault]], timeout_s: float = TIMEOUT_S
) -> tuple[list[str], Outcome]:
    """Heal faults of the run in ``run_dir``, in this order, and journal those that are healed.

    :param faults: each with its id in the journal.
    :param timeout_s: for each of them.
    :returns: the ids of those that are healed, and what to tell.
    """
    try:
        with healing(run_dir, timeout_s):
            return _heal_each(Journal(run_dir), faults, timeout_s)
    except NotReached as error:
        return [], Outcome(problems=[_not_healed(fault.describe(), error) for _, fault in faults])


def heal_run(run_dir: Path, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Heal whatever the journal in ``run_dir`` has left: all that another, or a dead, process injected."""
    faults, problems = [], []
    journal = Journal(run_dir)
    if not journal.unhealed():
        return Outcome()
    try:
        with healing(run_dir, timeout_s):
            for entry in journal.unhealed():
                try:
                    faults.append((entry.id, from_journal(Stack.attach(run_dir), entry.fault)))
                except (UserError, KeyError, TypeError, ValueError) as error:
                    problems.append(_not_healed(entry.description, error))
            _, outcome = _heal_each(journal, faults, timeout_s)
    except NotReached as error:
        return Outcome(problems=[_not_healed(entry.description, error) for entry in journal.unhealed()])
    return Outcome(outcome.healed, [*problems, *outcome.problems])


def _heal_each(
    journal: Journal, faults: Iterable[tuple[str, Fault]], timeout_s: float
) -> tuple[list[str], Outcome]:
    done, outcome = [], Outcome()
    for key, fault in faults:
        try:
            heal(fault, timeout_s)
            journal.healed(key)
        except (NotReached, OSError) as error:
            outcome.problems.append(_not_healed(fault.describe(), error))
        else:
            done.append(key)
            outcome.healed.append(fault.describe())
    return done, outcome


def _not_healed(description: str, error: Exception) -> str:
    return f"not healed: {description} ({error})"
