"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from measure.verdict import Verdict
from reports import figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not measured"),
        (float("nan"), "not measured"),
        (float("inf"), "not measured"),
        (0.0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.42, "420 ms"),
        (0.99951, "1.00 s"),
        (21.4, "21.40 s"),
        (30.0, "30 s"),
        (59.996, "1 min"),
        (60.0, "1 min"),
        (125.4, "2 min 5.4 s"),
        (900.0, "15 min"),
        (5400.0, "1 h 30 min"),
        (7200.0, "2 h"),
        (-4.5, "−4.50 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "<0.1 %"),
        (0.024, "2.4 %"),
        (0.5, "50 %"),
        (0.995, "99.5 %"),
        (0.99999, ">99.9 %"),
        (1, "100 %"),
    ],
)
def test_percent_never_rounds_up_to_all_or_down_to_nothing(share: float, text: str) -> None:
    assert figures.percent(share) == text


def test_moments() -> None:
    moment = datetime(2026, 11, 2, 3, 0, 4, 990_000, tzinfo=timezone(timedelta(hours=1)))
    assert figures.utc(moment) == "2026-11-02 02:00:04 UTC"
    assert figures.clock(moment) == "02:00:04.9"
    assert figures.utc(None) == "not known"
    assert figures.offset(-1.5) == "T0 − 1.50 s"
    assert figures.offset(None) == "not seen"
    assert figures.clock(datetime(2026, 1, 1, tzinfo=UTC)) == "00:00:00.0"


def test_numbers() -> None:
    assert figures.number(1234567.0) == "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567"
    assert figures.number(3.419, "ms") == "3.42 ms"
    assert figures.number(None, "ms") == "not measured"
    assert figures.count(None) == "not measured"
    assert figures.plural(1, "drill") == "1 drill"
    assert figures.plural(2, "box", "boxes") == "2 boxes"
    assert [figures.status(verdict) for verdict in Verdict] == ["✓ PASS", "✗ FAIL", "⊘ INVALID"]
