"""Validation boxes: which are examined, and what an error means."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from plan.load import load_plan
from plan.model import Scenario
from recovery.boxes import Finding, recovery_time, validation
from recovery.dashboard_boxes import is_error


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_plan(Path(__file__).parent.parent / "drp.toml").scenarios["redis-down"]


def finding(holds: bool | None) -> Callable[[], Finding]:
    return lambda: Finding(holds, "seen")


def raising(error: Exception) -> Callable[[], Finding]:
    def examine() -> Finding:
        raise error

    return examine


def test_boxes_stand_in_the_plans_order_and_words(scenario: Scenario) -> None:
    validate = validation(scenario, {"recovery-time": finding(True), "redis-accepting": finding(None)})
    assert [(box.box, box.text, box.holds) for box in validate()] == [
        ("redis-accepting", "Redis accepting connections", None),
        ("recovery-time", "Recovery time < 5 min", True),
    ]


def test_a_box_that_the_plan_does_not_have_is_not_looked_at(scenario: Scenario) -> None:
    assert validation(scenario, {"metrics-exported": finding(True)})() == []


@pytest.mark.parametrize(
    ("error", "holds"),
    [
        (httpx.ConnectError("refused"), False),
        (redis.ConnectionError("refused"), False),
        (psycopg.OperationalError("refused"), None),
    ],
)
def test_no_answer_from_what_recovers_is_no_recovery_and_from_others_no_knowledge(
    scenario: Scenario, error: Exception, holds: bool | None
) -> None:
    (box,) = validation(scenario, {"redis-accepting": raising(error)})()
    assert box.holds is holds
    assert "refused" in box.evidence


def test_an_error_of_ours_is_not_hidden(scenario: Scenario) -> None:
    with pytest.raises(ZeroDivisionError):
        validation(scenario, {"redis-accepting": raising(ZeroDivisionError())})()


def test_recovery_time_holds_until_the_rto() -> None:
    now = time.monotonic()
    assert recovery_time(now - 10, timedelta(minutes=5))().holds
    late = recovery_time(now - 301, timedelta(minutes=5))()
    assert not late.holds
    assert late.evidence.startswith("301.0 s since the fault, of 5 min")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (json.dumps({"level": "ERROR", "message": "boom"}), True),
        (json.dumps({"level": "CRITICAL"}), True),
        (json.dumps({"level": "WARNING", "message": "no ERROR, but it says so"}), False),
        (json.dumps({"level": "INFO"}), False),
        ("Traceback (most recent call last):", True),
        ("2026-01-01 FATAL: no", True),
        ("an errorless plain line", False),
        ("[1, 2]", False),
        ("", False),
    ],
)
def test_errors_in_logs(line: str, error: bool) -> None:
    assert is_error(line) is error
