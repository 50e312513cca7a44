"""Monitoring that is lost: what is missing from its series, and what its runbook starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plan.duration import parse_duration
from plan.load import load_plan
from plan.model import Plan
from recovery import monitoring_lost
from recovery.runbook import Ran
from recovery.series import LONGEST_PAUSE_S, series_loss

ROOT = Path(__file__).parent.parent
HOUR = 3600.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(ROOT / "drp.toml")


def every_2_s(start: float, end: float) -> list[float]:
    return [start + 2 * step for step in range(int((end - start) / 2) + 1)]


@pytest.mark.parametrize(
    ("samples", "lost_s", "forgot", "holds"),
    [
        (every_2_s(0, 5000), 0, False, True),
        (every_2_s(0, 4000) + every_2_s(4006, 5000), 0, False, True),
        (every_2_s(0, 4000) + every_2_s(4014, 5000), 14, False, True),
        (every_2_s(0, 4000) + every_2_s(4030, 5000), 30, False, True),
        (every_2_s(100, 4000) + every_2_s(4030, 5000), 130, False, True),
        (every_2_s(0, 300) + every_2_s(4000, 5000), 3700, False, False),
        (every_2_s(4030, 5000), 4030, True, False),
        ([], 5000, True, False),
    ],
    ids=[
        "nothing",
        "two scrapes missed",
        "a short outage",
        "the outage",
        "the start",
        "too long",
        "all before",
        "all",
    ],
)
def test_what_is_lost_of_a_series(samples: list[float], lost_s: float, forgot: bool, holds: bool) -> None:
    found = series_loss(samples, born=0, outage=4010, now=5000)
    assert (found.lost_s, found.forgot, found.holds(HOUR)) == (lost_s, forgot, holds)


def test_a_gap_is_longer_than_three_scrapes() -> None:
    text = (ROOT / "stack" / "monitoring" / "prometheus.yml").read_text(encoding="utf-8")
    [itself] = [job for job in yaml.safe_load(text)["scrape_configs"] if job["job_name"] == "prometheus"]
    assert parse_duration(itself["scrape_interval"]).total_seconds() * 3 == LONGEST_PAUSE_S


def test_all_of_a_short_memory_lost_proves_nothing_about_an_hour() -> None:
    found = series_loss(every_2_s(430, 500), born=0, outage=410, now=500)
    assert found.holds(HOUR) is None
    told = "430 s of the 500 s since the stack was made are not there: nothing is left from before the outage"
    assert str(found) == told


@given(st.lists(st.floats(0, 1000)), st.floats(0, 1000))
def test_no_more_is_lost_than_there_was_and_pauses_are_no_loss(samples: list[float], outage: float) -> None:
    found = series_loss(samples, 0, outage, 1000)
    assert 0 <= found.lost_s <= 1000 + 1e-6
    more = [float(second) for second in range(0, 1001, int(LONGEST_PAUSE_S))]
    assert series_loss([*samples, *more], 0, outage, 1000).lost_s == 0


class Engine:
    """Hands to which only these containers are there."""

    def __init__(self, *there: str) -> None:
        self._there = there

    def spell(self, command: str) -> str:
        return command

    def run(self, command: str, timeout_s: float) -> Ran:
        return Ran(any(f"{{{service}}}" in command for service in self._there), "")


def test_what_is_gone_is_made_anew_and_not_started(plan: Plan) -> None:
    start, anew = monitoring_lost.runbook(plan).ladder
    assert start.when is not None
    assert start.when.why_not(Engine("prometheus", "alertmanager")) == ""
    assert "alertmanager" in start.when.why_not(Engine("prometheus"))
    assert "prometheus and alertmanager" in start.when.why_not(Engine())
    assert anew.when is None
