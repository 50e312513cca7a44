"""The record of a run (``record.json``, schema ``dr-drill-record/1``): every report is made from it alone.

Times named ``*_s`` are seconds; ``t_*`` are monotonic seconds on the drilling host; ``*_utc`` are for people.
A figure that was not measured is null, never 0.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from measure.ledger import LedgerResult
from measure.verdict import Verdict, worst


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Objective(_Model):
    """One promise of the DRP against what was measured."""

    name: str = Field(description="RTO, RPO, detection, or a procedure's own, as 'failover SLA'")
    target_s: float | None = Field(description="null: the plan sets none")
    actual_s: float | None = Field(description="null: not measured")
    resolution_s: float | None = Field(default=None, description="the measurement's own uncertainty")
    verdict: Verdict
    note: str = ""


class Milestones(_Model):
    """When each thing was first seen, in seconds from T0 (the fault in effect); null: never seen."""

    first_error: float | None = None
    detected: float | None = None
    recovery_started: float | None = None
    process_up: float | None = None
    first_good: float | None = None
    first_acked_write: float | None = None
    steady: float | None = None
    verified: float | None = None


class FaultRecord(_Model):
    name: str
    description: str
    targets: list[str]
    effective: bool
    healed: bool
    effect: str | None = Field(default=None, description="what of it was to be seen, with figures")


class BoxRecord(_Model):
    box: str
    text: str
    holds: bool | None
    evidence: str


class StepRecord(_Model):
    rung: str
    section: str
    title: str
    command: str
    expected: str
    status: Literal["ok", "failed", "skipped", "not reached"]
    started_s: float | None = Field(default=None, description="seconds from T0")
    duration_s: float | None = None
    output: str = ""
    note: str = ""


class AlertRecord(_Model):
    """A notification as it arrived at the far end."""

    name: str
    channel: str = Field(description="webhook, slack or pagerduty")
    status: Literal["firing", "resolved"]
    at_s: float = Field(description="seconds from T0")
    summary: str = ""


class LedgerRecord(_Model):
    """The ledger checker's counts and figures; see ``measure/ledger.py``."""

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
    reasons: list[str]

    @classmethod
    def of(cls, result: LedgerResult) -> LedgerRecord:
        """The record of a result."""
        return cls(**{**asdict(result), "reasons": list(result.reasons)})


class Comparison(_Model):
    """A figure before, during and after the fault, against the limit the plan sets for it."""

    name: str
    unit: str
    before: float | None
    during: float | None
    after: float | None
    limit: str = ""
    verdict: Verdict


class BaselineRecord(_Model):
    """The data that was there before the load, against what was found of it after the drill."""

    rows: dict[str, int] = Field(description="rows of each table before the load")
    differences: list[str] | None = Field(description="sentences; empty: none; null: was not compared")


class ProcessCost(_Model):
    """What a process of the suite's own took from the machine that it measured."""

    process: str = Field(description="observer or workload")
    cpu_s: float
    wall_s: float


class Phase(_Model):
    name: str
    start_s: float = Field(description="seconds from T0; negative before the fault")
    end_s: float


class DrillRecord(_Model):
    """One drill: a scenario's variant, or a test procedure."""

    id: str = Field(description="stable across runs, as 'scenario-1/killed-stays-down'; ASCII")
    section: str = Field(description="of the DRP, as 'Scenario 1: Dashboard Service Down'")
    scenario: str = Field(description="the scenario's key in drp.toml")
    title: str
    hypothesis: str
    component: str
    verdict: Verdict
    reasons: list[str] = Field(description="why it is not PASS; empty when it is")
    t0_utc: datetime | None
    t_zero: float | None = Field(description="monotonic seconds of T0")
    started_utc: datetime
    duration_s: float
    breaks: bool = Field(default=True, description="false: a test procedure, which only looks")
    fault: FaultRecord | None
    objectives: list[Objective] = []
    milestones: Milestones = Milestones()
    boxes: list[BoxRecord] = []
    steps: list[StepRecord] = []
    alerts: list[AlertRecord] = []
    ledger: LedgerRecord | None = None
    comparisons: list[Comparison] = []
    baseline: BaselineRecord | None = None
    costs: list[ProcessCost] = []
    phases: list[Phase] = []
    deviations: list[str] = []
    residue: list[str] = []
    evidence: str = Field(description="the drill's folder of evidence, relative to the run's folder")

    def objective(self, name: str) -> Objective | None:
        """The objective of that name; None when the drill has none."""
        return next((objective for objective in self.objectives if objective.name == name), None)

    @property
    def recovery_objective(self) -> Objective | None:
        """The one about recovery time: the scenario's RTO, or a procedure's own under its own name."""
        own = [objective for objective in self.objectives if objective.name not in ("RPO", "detection")]
        return own[0] if own else None


class PlanRef(_Model):
    title: str
    version: str
    sha256: str


class ImageRef(_Model):
    service: str
    reference: str
    image_id: str


class Cleanup(_Model):
    """What was removed at the end, and what of it is still there (which fails the run)."""

    containers_removed: int = 0
    networks_removed: int = 0
    volumes_removed: int = 0
    images_removed: int = 0
    left: list[str] = []
    kept: bool = Field(default=False, description="the operator asked to keep the stack")


class Record(_Model):
    """One run of the suite."""

    schema_: Literal["dr-drill-record/1"] = Field(default="dr-drill-record/1", alias="schema")
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    drill_id: str
    status: Literal["running", "complete", "interrupted", "crashed"]
    started_utc: datetime
    finished_utc: datetime | None = None
    duration_s: float | None = None
    plan: PlanRef
    commit: str | None = None
    commit_dirty: bool | None = None
    images: list[ImageRef] = []
    environment: dict[str, str] = Field(
        default={}, description="engine, compose, kernel, cpus, memory, python"
    )
    stack_start_s: float | None = None
    problem: str | None = Field(default=None, description="what kept the run from being complete")
    drills: list[DrillRecord] = []
    drills_planned: list[str] = Field(
        default=[], description="ids collected; those not in drills were not reached"
    )
    cleanup: Cleanup | None = None

    @property
    def not_reached(self) -> list[str]:
        """The drills that were planned and never ran, in their order."""
        ran = {drill.id for drill in self.drills}
        return [planned for planned in self.drills_planned if planned not in ran]

    @property
    def verdict(self) -> Verdict:
        """The whole run's: the worst drill; never PASS for a run cut short or with something left behind."""
        verdict = worst(drill.verdict for drill in self.drills)
        if verdict is Verdict.PASS and (self.status != "complete" or self.not_reached or self.problem):
            return Verdict.INVALID
        if self.cleanup and self.cleanup.left:
            return Verdict.FAIL
        return verdict

    def save(self, folder: Path) -> None:
        """Write ``record.json`` into ``folder`` atomically (temporary name, then rename)."""
        temporary = folder / ".record.json.tmp"
        temporary.write_text(self.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        temporary.replace(folder / "record.json")

    @classmethod
    def load(cls, folder: Path) -> Record:
        """Read ``record.json`` from ``folder``.

        :raises OSError: when it cannot be read.
        :raises pydantic.ValidationError: when it is no record of this version.
        """
        return cls.model_validate_json((folder / "record.json").read_bytes())
