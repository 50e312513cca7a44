"""The disaster recovery plan as types: what ``drp.toml`` may hold, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from plan.duration import EXPECTED, format_duration, parse_duration


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not {EXPECTED}")
    return parse_duration(value)


def _positive(value: object) -> timedelta:
    duration = _duration(value)
    if not duration:
        raise ValueError("it must be longer than nothing")
    return duration


def _objective(value: object) -> timedelta | None:
    return None if isinstance(value, str) and value.lower() == "n/a" else _positive(value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive)]
Rpo = Annotated[timedelta | None, BeforeValidator(_objective)]
Ratio = Annotated[float, Field(gt=0, le=1)]
Endpoint = Annotated[str, Field(pattern=r"^(GET|POST) /([^{}\s]|\{(product_id|client_id)\})*$")]


def _unique(values: Iterable[object], what: str) -> None:
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{what} {', '.join(twice)} is used more than once")


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Heading(_Part):
    """What the plan is called."""

    title: str
    version: str
    objective: str
    prepared: date
    last_tested: str
    next_test: date


class Component(_Part):
    """A row of the DRP's table of objectives. ``rpo`` is None where all can be rebuilt."""

    name: str
    rto: PositiveDuration
    rpo: Rpo
    priority: Literal["critical", "medium", "low"]


class Step(_Part):
    """A step as the DRP writes it, command and all; what is really run is the runbook's."""

    number: int = Field(ge=1)
    title: str
    command: str


def _numbered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError(f"they are numbered {', '.join(str(step.number) for step in steps)}, not 1, 2, 3, …")
    return steps


Steps = Annotated[tuple[Step, ...], Field(strict=False, min_length=1), AfterValidator(_numbered)]


class Box(_Part):
    """A box of a scenario's validation list."""

    id: str
    text: str


class Scenario(_Part):
    """A recovery procedure of the DRP. ``detection`` is the longest time until somebody is told."""

    number: int = Field(ge=1)
    title: str
    component: str
    symptoms: tuple[str, ...] = Field(strict=False, min_length=1)
    detection: Duration
    detected_by: str = ""
    rto: PositiveDuration
    rto_text: str = ""
    steps: Steps
    boxes: tuple[Box, ...] = Field(strict=False, min_length=1)

    @field_validator("boxes")
    @classmethod
    def _ids(cls, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        _unique((box.id for box in boxes), "the id")
        return boxes

    @field_validator("rto")
    @classmethod
    def _after_detection(cls, rto: timedelta, info: ValidationInfo) -> timedelta:
        detection = info.data.get("detection")
        if detection and detection > rto:
            raise ValueError(
                f"the recovery includes the detection, which alone may take {format_duration(detection)}"
            )
        return rto

    @property
    def heading(self) -> str:
        """As the DRP has it: ``"Scenario 1: Dashboard Service Down"``."""
        return f"Scenario {self.number}: {self.title}"

    def section(self, step: int) -> str:
        """Where a step stands in the DRP: ``"Scenario 1, step 2"``."""
        return f"Scenario {self.number}, step {step}"

    def named(self, step: int) -> tuple[str, str]:
        """The section and the title of the step of that number.

        :raises IndexError: when the scenario has no such step.
        """
        return self.section(step), self.steps[step - 1].title


class Procedure(_Part):
    """One of the DRP's test procedures. ``sla`` is its own limit, where it has one."""

    number: int = Field(ge=1)
    title: str
    script: str
    sla: PositiveDuration | None = None
    steps: Steps


class DatabaseBackup(_Part):
    """DRP, Backup Strategy 1: the schedule as a line of cron, and what the plan's script does."""

    schedule: str = Field(pattern=r"^\S+( \S+){4}$")
    frequency: str
    command: str
    location: str
    retention: PositiveDuration
    verification: str
    dump: str
    verify: str
    upload: str
    prune: str


class Pitr(_Part):
    """DRP, Point-in-Time Recovery: the settings as the plan's letter has them."""

    wal_level: str
    archive_mode: str
    archive_command: str


class RedisBackup(_Part):
    """DRP, Backup Strategy 2."""

    save: tuple[str, ...] = Field(strict=False)
    snapshot: str
    copy_command: str = Field(alias="copy")


class CodeBackup(_Part):
    """DRP, Backup Strategy 3."""

    tag: str
    archive: str
    config_paths: tuple[str, ...] = Field(strict=False)


class Backup(_Part):
    """The DRP's backup strategy."""

    database: DatabaseBackup
    pitr: Pitr
    redis: RedisBackup
    code: CodeBackup


class Schedule(_Part):
    """When the monthly test is due: the ``week``-th ``weekday`` of a month, at ``time_utc``."""

    text: str
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    week: int = Field(ge=1, le=4)
    time_utc: time
    duration: PositiveDuration
    participants: str


class EscalationLevel(_Part):
    """A level of the escalation path; None: there is nobody above."""

    level: int = Field(ge=1)
    role: str
    actions: tuple[str, ...] = Field(strict=False)
    escalate_after: PositiveDuration | None = None


class CommunicationMilestone(_Part):
    """A step of the communication protocol, due so long after detection."""

    name: str
    due: Duration
    until: PositiveDuration | None = None
    actions: tuple[str, ...] = Field(strict=False)


class Success(_Part):
    """The DRP's success criteria."""

    criteria: tuple[str, ...] = Field(strict=False, min_length=1)


class DrillSettings(_Part):
    """The suite's own figures; what each means stands beside it in ``drp.toml``."""

    docker_contexts: tuple[str, ...] = Field(strict=False, min_length=1)
    detection_channel: Literal["webhook", "slack", "pagerduty"]
    immediate: PositiveDuration
    api_writes_per_s: float = Field(gt=0)
    sql_writes_per_s: float = Field(gt=0)
    probe_every: PositiveDuration
    probe_timeout: PositiveDuration
    max_stall: PositiveDuration
    quiet_timeout: PositiveDuration
    steady_state: PositiveDuration
    warm_up: PositiveDuration
    steady_timeout: PositiveDuration
    effect_timeout: PositiveDuration
    degraded_for: PositiveDuration
    healed_timeout: PositiveDuration
    aftermath: PositiveDuration
    step_timeout: PositiveDuration
    deploy_timeout: PositiveDuration
    backup_timeout: PositiveDuration
    request_timeout: PositiveDuration
    validation_timeout: PositiveDuration
    disk_used: Ratio
    memory_critical: Ratio
    probes_in_a_row: int = Field(ge=1)
    steady_availability: Ratio
    degraded_availability: Ratio
    degraded_answer: PositiveDuration
    refusal_answer: PositiveDuration
    dns_ttl: PositiveDuration
    endpoints: tuple[Endpoint, ...] = Field(strict=False, min_length=1)
    cache_hit_ratio: Ratio
    cache_reads: int = Field(ge=5)
    summary_stale_after: PositiveDuration
    performance_factor: float = Field(ge=1)


class Plan(_Part):
    """The whole plan. ``sha256`` is that of the file it was read from."""

    heading: Heading = Field(alias="plan")
    components: dict[str, Component] = Field(min_length=1)
    backup: Backup
    scenarios: dict[str, Scenario] = Field(min_length=1)
    procedures: dict[str, Procedure]
    schedule: Schedule
    escalation: tuple[EscalationLevel, ...] = Field(strict=False)
    communication: tuple[CommunicationMilestone, ...] = Field(strict=False)
    success: Success
    drill: DrillSettings
    sha256: str = ""

    @field_validator("scenarios")
    @classmethod
    def _components_known(cls, scenarios: dict[str, Scenario], info: ValidationInfo) -> dict[str, Scenario]:
        known = info.data.get("components")
        unknown = [
            f"{key} is about {scenario.component!r}, which is none of {', '.join(known)}"
            for key, scenario in scenarios.items()
            if known and scenario.component not in known
        ]
        if unknown:
            raise ValueError("; ".join(unknown))
        return scenarios

    @field_validator("scenarios", "procedures")
    @classmethod
    def _numbers_unique(cls, parts: dict[str, Any]) -> dict[str, Any]:
        _unique((part.number for part in parts.values()), "the number")
        return parts

    @field_validator("escalation")
    @classmethod
    def _levels_unique(cls, levels: tuple[EscalationLevel, ...]) -> tuple[EscalationLevel, ...]:
        _unique((level.level for level in levels), "the level")
        return levels

    def detection(self, scenario: Scenario) -> timedelta:
        """The longest time until somebody is told: what is promised at once is given as long as [drill] says."""
        return scenario.detection or self.drill.immediate
