"""The plan file: that it says what the DRP says, and that each mistake in it is named."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plan.load import PlanError, load_plan
from plan.model import Plan

PLAN = Path(__file__).parent.parent / "drp.toml"
RAW: dict[str, Any] = tomllib.loads(PLAN.read_text(encoding="utf-8"))


def minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(PLAN)


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., str]:
    """Writes the plan with texts replaced, loads it, and returns what is said about it."""

    def load(*changes: tuple[str, str]) -> str:
        text = PLAN.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "drp.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PlanError) as caught:
            load_plan(path)
        assert str(path) in caught.value.what
        assert caught.value.remedy
        return caught.value.what

    return load


@pytest.mark.parametrize(
    ("component", "rto", "rpo", "priority"),
    [
        ("dashboard", 15, 5, "critical"),
        ("database", 30, 1, "critical"),
        ("redis", 5, None, "medium"),
        ("monitoring", 30, 60, "low"),
    ],
)
def test_objectives(plan: Plan, component: str, rto: int, rpo: int | None, priority: str) -> None:
    found = plan.components[component]
    assert (found.rto, found.rpo, found.priority) == (
        minutes(rto),
        None if rpo is None else minutes(rpo),
        priority,
    )


@pytest.mark.parametrize(
    ("scenario", "number", "detection", "rto", "steps", "boxes"),
    [
        ("dashboard-down", 1, 2, 15, 5, 5),
        ("database-lost", 2, 1, 30, 7, 5),
        ("redis-down", 3, 3, 5, 5, 5),
        ("disk-full", 4, 5, 20, 6, 4),
        ("site-lost", 5, 0, 120, 6, 5),
        ("monitoring-lost", 6, 5, 30, 4, 4),
    ],
)
def test_scenarios(
    plan: Plan, scenario: str, number: int, detection: int, rto: int, steps: int, boxes: int
) -> None:
    found = plan.scenarios[scenario]
    assert (found.number, found.detection, found.rto) == (number, minutes(detection), minutes(rto))
    assert (len(found.steps), len(found.boxes)) == (steps, boxes)


def test_procedures_people_and_times(plan: Plan) -> None:
    assert [procedure.number for procedure in plan.procedures.values()] == [1, 2, 3]
    assert plan.procedures["service-failover"].sla == timedelta(seconds=30)
    assert [level.escalate_after for level in plan.escalation] == [
        minutes(15),
        minutes(30),
        minutes(60),
        None,
    ]
    assert [milestone.due for milestone in plan.communication] == [minutes(due) for due in (0, 5, 15, 30, 60)]
    assert plan.backup.database.retention == timedelta(days=30)
    assert plan.backup.database.schedule == "0 2 * * *"
    assert (plan.schedule.weekday, plan.schedule.week, plan.schedule.time_utc.hour) == ("monday", 1, 2)
    assert len(plan.success.criteria) == 8


def test_the_hash_is_that_of_the_file(plan: Plan, tmp_path: Path) -> None:
    other = tmp_path / "drp.toml"
    other.write_bytes(PLAN.read_bytes() + b"\n# the same plan, another file\n")
    assert len(plan.sha256) == 64
    assert load_plan(other).sha256 != plan.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rto = "5 min"', 'rto = "5 minuts"', "components.redis.rto: '5 minuts' is not a duration such as"),
        ('rto = "5 min"', "rto = 300", "components.redis.rto: 300 is not a duration such as"),
        ('rto = "5 min"', 'rto = "immediate"', "components.redis.rto: it must be longer than nothing"),
        ('rto = "5 min"\n', "", "components.redis.rto: it is missing"),
        ('priority = "medium"', 'priority = "high"', "components.redis.priority: Input should be 'critical'"),
        (
            "steady_state = ",
            "steady_stat = ",
            "drill.steady_stat: the plan has no such key; did you mean 'steady_state'?",
        ),
        ("participants = ", "colour = ", "schedule.colour: the plan has no such key; known here: "),
        (
            'symptoms = ["Slow',
            'symtoms = ["Slow',
            "scenarios.redis-down.symtoms: the plan has no such key; did you mean 'symptoms'?",
        ),
        (
            'component = "redis"',
            'component = "cache"',
            "scenarios: redis-down is about 'cache', which is none of dashboard, database",
        ),
        (
            'detection = "3 min"',
            'detection = "6 min"',
            "scenarios.redis-down.rto: the recovery includes the detection, which alone may take 6 min",
        ),
        (
            'id = "cache-rebuilding"',
            'id = "redis-accepting"',
            "scenarios.redis-down.boxes: the id redis-accepting is used more than once",
        ),
        (
            '{ number = 2, title = "Restart Redis"',
            '{ number = 3, title = "Restart Redis"',
            "scenarios.redis-down.steps: they are numbered 1, 3, 3, 4, 5, not 1, 2, 3",
        ),
        ("number = 5\n", "number = 4\n", "scenarios: the number 4 is used more than once"),
        (
            'number = 3\ntitle = "Backup V',
            'number = 2\ntitle = "Backup V',
            "procedures: the number 2 is used more than once",
        ),
        ("level = 2", "level = 1", "escalation: the level 1 is used more than once"),
        (
            "cache_hit_ratio = 0.8",
            "cache_hit_ratio = 80",
            "drill.cache_hit_ratio: Input should be less than or equal to 1, found 80",
        ),
        (
            "api_writes_per_s = 50",
            "api_writes_per_s = 0",
            "drill.api_writes_per_s: Input should be greater than 0, found 0",
        ),
        (
            "api_writes_per_s = 50",
            'api_writes_per_s = "50"',
            "drill.api_writes_per_s: Input should be a valid number, found '50'",
        ),
        ('"GET /metrics"', '"FETCH metrics"', "drill.endpoints.6: String should match pattern"),
        (
            'schedule = "0 2 * * *"',
            'schedule = "nightly"',
            "backup.database.schedule: String should match pattern",
        ),
    ],
)
def test_each_mistake_is_named_with_its_key(
    broken: Callable[..., str], old: str, new: str, said: str
) -> None:
    assert said in broken((old, new))


def test_all_mistakes_are_named_at_once(broken: Callable[..., str]) -> None:
    said = broken(
        ('rto = "5 min"', 'rto = "soon"'),
        ("week = 1", "week = 9"),
        ("probes_in_a_row = 10", "probes_in_a_row = 0"),
        ('sla = "30 s"', 'sla = "30 parsecs"'),
    )
    assert len(said.splitlines()) == 5
    for key in (
        "components.redis.rto",
        "schedule.week",
        "drill.probes_in_a_row",
        "procedures.service-failover.sla",
    ):
        assert f"  {key}: " in said


def test_a_line_that_is_no_toml_is_named(broken: Callable[..., str]) -> None:
    assert "is not TOML" in (said := broken(("[components.redis]", "[components.redis")))
    assert "at line " in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file"):
        load_plan(tmp_path / "none.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "drp.toml").write_bytes(b"title = \xff")
    with pytest.raises(PlanError, match="is not TOML"):
        load_plan(tmp_path / "drp.toml")


def test_the_plan_cannot_be_changed_once_read(plan: Plan) -> None:
    with pytest.raises(ValidationError):
        plan.components["redis"].rto = minutes(60)


def leaves(raw: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value of the plan stands."""
    if isinstance(raw, dict):
        return [leaf for key, value in raw.items() for leaf in leaves(value, (*path, key))]
    if isinstance(raw, list):
        return [leaf for index, value in enumerate(raw) for leaf in leaves(value, (*path, index))]
    return [path]


# No None among them: TOML cannot write it, and a key that may be left out has it as its default.
@given(st.sampled_from(leaves(RAW)), st.sampled_from([{}, [[]], object()]))
def test_a_value_of_the_wrong_kind_is_named_wherever_it_stands(
    path: tuple[str | int, ...], wrong: object
) -> None:
    raw = copy.deepcopy(RAW)
    at: Any = raw
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = wrong
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(raw)
    assert path in [error["loc"][: len(path)] for error in caught.value.errors()]
