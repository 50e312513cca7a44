"""Runbooks: the DRP's recovery steps as a ladder, of which no more is climbed than the validation demands.

::

    diagnose ──▶ rung ──▶ validate ──▶ holds: monitor, done
                  ▲          │
                  └── next ◀─┘ does not hold in time

A runbook is data: who carries it out, and on which stack, is decided when it is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from recovery.model import BoxResult, RunbookResult, StepResult, StepStatus, Validate
from stack.wait import NotReached, wait_until

OUTPUT_CHARS = 4000
"""Of a step's output, so much is kept: its end."""

EVERY_S = 0.2


@dataclass(frozen=True)
class Ran:
    """A command that was carried out: whether it succeeded, and what it printed."""

    ok: bool
    output: str


class Hands(Protocol):
    """Whoever carries the commands out."""

    def spell(self, command: str) -> str:
        """The command with its placeholders filled in, as an operator would type it."""

    def run(self, command: str, timeout_s: float) -> Ran:
        """Carry it out; a command that fails or takes too long is not ``ok``."""


@dataclass(frozen=True)
class Condition:
    """When something is done.

    :param text: as a person says it.
    :param why_not: finds out on the stack why it is not to be done; empty when it is.
    """

    text: str
    why_not: Callable[[Hands], str]


InVain = Callable[[Hands], str]
"""Finds out why a step need not be tried again; empty while it is worth it."""


def nothing_wrong(_: str) -> str:
    """For a command whose exit status says it all."""
    return ""


@dataclass(frozen=True)
class Step:
    """One step of a runbook.

    :param section: where it comes from, as ``"Scenario 1, step 2"``.
    :param command: as an operator would type it, with the placeholders of :mod:`recovery.wording`.
    :param expected: its expected result, in words.
    :param timeout_s: of one attempt, in seconds.
    :param patience_s: for so long, in seconds, it is tried again until it succeeds.
    :param in_vain: what ends that earlier.
    :param verifies: whether its failure shows already that this rung has not recovered.
    :param essential: whether the steps after it would do harm where it has failed: they are not done then.
    :param only_recovered: whether it would do harm where no rung has recovered: it is not done then.
    :param wrong: what is wrong with its output; empty when nothing is.
    :param note: how it departs from the DRP's letter, and why.
    """

    section: str
    title: str
    command: str
    expected: str
    timeout_s: float
    patience_s: float = 0.0
    in_vain: InVain | None = None
    verifies: bool = False
    essential: bool = False
    only_recovered: bool = False
    wrong: Callable[[str], str] = nothing_wrong
    when: Condition | None = None
    note: str = ""


@dataclass(frozen=True)
class Rung:
    """Steps that are done together; when the rung's condition does not hold, none of them is."""

    name: str
    steps: tuple[Step, ...]
    when: Condition | None = None


@dataclass(frozen=True)
class Runbook:
    """A recovery procedure: look first, then climb, then keep watching.

    :param section: of the DRP, as ``"Scenario 1: Dashboard Service Down"``.
    :param validation_timeout_s: for how long the validation may take to hold under one rung.
    :param validates: the scenario whose boxes say whether it has recovered, where that is not its own name.
    :param elsewhere: it is carried out in the other site: this one is lost.
    """

    name: str
    section: str
    diagnose: Rung
    ladder: tuple[Rung, ...]
    monitor: Rung
    validation_timeout_s: float
    validates: str = ""
    elsewhere: bool = False

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """All of it, in order."""
        return (self.diagnose, *self.ladder, self.monitor)

    def run(
        self,
        hands: Hands,
        validate: Validate,
        on_step: Callable[[StepResult], None] = lambda _: None,
        on_begin: Callable[[str], None] = lambda _: None,
    ) -> RunbookResult:
        """Carry it out, climbing only while the validation does not hold.

        :param on_step: told of every step once its fate is known.
        :param on_begin: told, in a few words, what is being done now.
        """
        climb = _Climb(self, hands, validate, on_step, on_begin)
        return climb.run()


class _Climb:
    """One run of a runbook."""

    def __init__(
        self,
        runbook: Runbook,
        hands: Hands,
        validate: Validate,
        on_step: Callable[[StepResult], None],
        on_begin: Callable[[str], None],
    ) -> None:
        self._runbook = runbook
        self._hands = hands
        self._validate = validate
        self._on_step = on_step
        self._on_begin = on_begin
        self._steps: list[StepResult] = []
        self._boxes: list[BoxResult] = []
        self._recovered_by: str | None = None

    def run(self) -> RunbookResult:
        started = time.monotonic()
        self._do(self._runbook.diagnose)
        for rung in self._runbook.ladder:
            if self._recovered_by is not None:
                self._leave(rung, StepStatus.NOT_REACHED, f"{self._recovered_by} had recovered already")
            elif why_not := self._why_not(rung.when):
                self._leave(rung, StepStatus.SKIPPED, why_not)
            elif self._recovers(rung):
                self._recovered_by = rung.name
        finished = time.monotonic()
        self._do(self._runbook.monitor)
        return RunbookResult(
            name=self._runbook.name,
            section=self._runbook.section,
            recovered=self._recovered_by is not None,
            rung=self._recovered_by,
            started=started,
            finished=finished,
            steps=self._steps,
            boxes=self._boxes,
        )

    def _recovers(self, rung: Rung) -> bool:
        """Climb one rung, and see whether the validation holds then."""
        hopeless = self._do(rung)
        self._on_begin(f"{rung.name}: validation")
        return _in_time(self._holds, 0 if hopeless else self._runbook.validation_timeout_s)

    def _holds(self) -> bool:
        self._boxes = self._validate()
        return all(box.holds for box in self._boxes)

    def _do(self, rung: Rung) -> bool:
        """Do every step of a rung, up to an essential one that fails; whether one that matters has failed."""
        hopeless = False
        for number, step in enumerate(rung.steps):
            if step.only_recovered and self._recovered_by is None:
                self._tell(rung, step, StepStatus.NOT_REACHED, note="not done: nothing has recovered")
                continue
            self._on_begin(f"{rung.name}: {step.title}")
            if why_not := self._why_not(step.when):
                self._tell(rung, step, StepStatus.SKIPPED, note=why_not)
                continue
            started = time.monotonic()
            # Where one has shown already that it has not recovered, nobody waits for the next to show it too.
            ran = self._attempt(step, 0.0 if hopeless else step.patience_s)
            self._tell(
                rung,
                step,
                StepStatus.OK if ran.ok else StepStatus.FAILED,
                started=started,
                duration_s=time.monotonic() - started,
                output=ran.output[-OUTPUT_CHARS:],
                note=step.note,
            )
            hopeless |= (step.verifies or step.essential) and not ran.ok
            if step.essential and not ran.ok:
                rest = Rung(rung.name, rung.steps[number + 1 :])
                self._leave(rest, StepStatus.NOT_REACHED, f"not done: {step.title!r} has failed")
                break
        return hopeless

    def _attempt(self, step: Step, patience_s: float) -> Ran:
        last = Ran(False, "")

        def ended() -> bool:
            nonlocal last
            last = _judged(self._hands.run(step.command, step.timeout_s), step.wrong)
            if last.ok or not patience_s or step.in_vain is None:
                return last.ok
            why = step.in_vain(self._hands)
            last = Ran(False, f"{last.output}\n{why}".strip())
            return bool(why)

        _in_time(ended, patience_s)
        return last

    def _why_not(self, condition: Condition | None) -> str:
        return condition.why_not(self._hands) if condition else ""

    def _leave(self, rung: Rung, status: StepStatus, why: str) -> None:
        for step in rung.steps:
            self._tell(rung, step, status, note=why)

    def _tell(
        self,
        rung: Rung,
        step: Step,
        status: StepStatus,
        started: float | None = None,
        duration_s: float | None = None,
        output: str = "",
        note: str = "",
    ) -> None:
        result = StepResult(
            rung=rung.name,
            section=step.section,
            title=step.title,
            command=self._hands.spell(step.command),
            expected=step.expected,
            status=status,
            started=started,
            duration_s=duration_s,
            output=output,
            note=note,
        )
        self._steps.append(result)
        self._on_step(result)


def _in_time(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came to hold in time; what it raised last, it raises."""
    try:
        return wait_until(condition, timeout_s=timeout_s, what="it holds", every_s=EVERY_S)
    except NotReached as error:
        if error.__cause__:
            raise error.__cause__ from error
        return False


def _judged(ran: Ran, wrong: Callable[[str], str]) -> Ran:
    """A command that succeeded may still have printed what should not be."""
    if not ran.ok:
        return ran
    found = wrong(ran.output)
    return Ran(False, f"{ran.output}\n{found}") if found else ran
