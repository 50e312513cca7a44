"""What a recovery leaves behind: steps as they ran, and validation boxes as they were found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class StepStatus(StrEnum):
    """What became of a step.

    SKIPPED: its condition did not hold. NOT_REACHED: a lower rung had already recovered, or a step before it, without
    which it would do harm, has failed.
    """

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class StepResult:
    """One step of a runbook as it ran.

    :param rung: the rung of the ladder, as ``diagnose``, ``restart``, ``restore``, ``monitor``.
    :param section: where the step comes from, as ``"Scenario 1, step 2"``.
    :param command: the command as an operator would type it.
    :param started: monotonic seconds; None when it did not run.
    :param duration_s: seconds; None when it did not run.
    :param note: why it was skipped, or how it departs from the DRP's letter and why; empty when neither.
    """

    rung: str
    section: str
    title: str
    command: str
    expected: str
    status: StepStatus
    started: float | None = None
    duration_s: float | None = None
    output: str = ""
    note: str = ""


@dataclass(frozen=True)
class BoxResult:
    """One validation box of the DRP. ``holds`` is None when it could not be examined.

    :param box: the id of the box in ``drp.toml``.
    :param text: the box in the DRP's words.
    :param evidence: what was seen, with figures.
    """

    box: str
    text: str
    holds: bool | None
    evidence: str


Validate = Callable[[], list[BoxResult]]
"""Examines a scenario's boxes once, on the live stack."""


@dataclass(frozen=True)
class RunbookResult:
    """A runbook's run. ``recovered`` is whether the validation under its last climbed rung held.

    :param rung: the rung that recovered; None when none did.
    :param started: monotonic seconds, as is ``finished``: when the last validation was over.
    :param boxes: as they were found last.
    """

    name: str
    section: str
    recovered: bool
    rung: str | None
    started: float
    finished: float
    steps: list[StepResult] = field(default_factory=list)
    boxes: list[BoxResult] = field(default_factory=list)
