"""The DRP's own report: its keys, its words, and recommendations that follow from evidence."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from measure.verdict import Verdict
from reports import yaml_report
from reports.findings import findings
from reports.record import Cleanup, Comparison, Objective
from tests.sample_record import KEY, SCRIPTS, sample

KEYS = [
    "Test Date",
    "Test Duration",
    "Tests Performed",
    "Issues Found",
    "Recommendations",
    "Approver",
    "Date",
]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    return yaml_report.write(sample(folder), folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(text: str) -> Any:
    return yaml.safe_load(text)


def test_has_the_keys_of_the_template_in_its_order(report: Any) -> None:
    assert list(report) == ["DR Test Report"]
    assert list(report["DR Test Report"]) == KEYS


def test_tests_performed(report: Any) -> None:
    tests = report["DR Test Report"]["Tests Performed"]
    assert report["DR Test Report"]["Test Date"] == date(2026, 11, 2)
    assert all(len(test) == 1 for test in tests)
    outcomes = {name: outcome for test in tests for name, outcome in test.items()}
    assert list(outcomes)[-1] == "Service Failover"
    words = [re.match(r"\w+", outcome) for outcome in outcomes.values()]
    assert [word and word.group() for word in words] == [
        "PASSED",
        "PASSED",
        "FAILED",
        "PASSED",
        "INVALID",
        "FAILED",
    ]
    assert "34.12 s recovery" in outcomes["Service Failover"]
    assert (
        "41/1712 acknowledged writes lost"
        in outcomes["Dashboard Service Down (Crash loop after a bad image)"]
    )


def test_approval_is_for_people(report: Any) -> None:
    assert report["DR Test Report"]["Approver"] == report["DR Test Report"]["Date"] == "PENDING"


def test_looks_like_the_template(text: str) -> None:
    assert text.startswith("DR Test Report:\n  Test Date: 2026-11-02\n  Test Duration: ")
    assert "\n    - Service Failover: FAILED (34.12 s recovery" in text
    assert KEY not in text


def test_nothing_found_is_none(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:1])
    report = yaml_report.report(record)["DR Test Report"]
    assert (report["Issues Found"], report["Recommendations"]) == ("None", "None")


def test_drills_not_reached_are_reported(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:1]).model_copy(
        update={"drills_planned": ["scenario-1/process-crash", "x"]}
    )
    report = yaml_report.report(record)["DR Test Report"]
    assert report["Tests Performed"][-1] == {"x": "INVALID (not reached)"}
    assert report["Issues Found"] == ["Not reached: x."]


def test_thin_margin_names_where_the_time_went(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[1:2])
    drill = record.drills[0]
    tight = drill.objectives[0].model_copy(update={"target_s": 16.0})
    record.drills = [drill.model_copy(update={"objectives": [tight], "deviations": []})]
    [found] = findings(record)
    assert not found.issue
    assert "RTO was kept with 7.1 % to spare (14.87 s against 16 s)" in found.recommendation
    assert "Most of the time (63 %) went into: detection" in found.recommendation


def test_missed_promises_are_issues(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[1:2])
    drill = record.drills[0]
    objectives = [
        Objective(name="RTO", target_s=900, actual_s=None, verdict=Verdict.FAIL, note="never recovered"),
        Objective(name="detection", target_s=120, actual_s=130.5, verdict=Verdict.FAIL),
    ]
    slow = Comparison(
        name="read", unit="ms", before=1, during=2, after=9, limit="≤ 2 × before", verdict=Verdict.FAIL
    )
    changes = {"objectives": objectives, "comparisons": [slow], "residue": ["a toxic"], "deviations": []}
    record.drills = [drill.model_copy(update=changes)]
    record.cleanup = Cleanup(left=["network x"])
    issues = [found.issue for found in findings(record)]
    assert issues == [
        "RTO missed: never recovered.",
        "detection missed: 2 min 10.5 s against 2 min.",
        "read: 9 ms after recovery, allowed: ≤ 2 × before.",
        "Residue: a toxic",
        "Left behind after the run: network x.",
    ]


def test_no_failed_drill_is_without_an_issue(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[:1])
    failed = {"verdict": Verdict.FAIL, "reasons": ["summaries were stale for 40 s"]}
    record.drills = [record.drills[0].model_copy(update=failed)]
    assert [found.issue for found in findings(record)] == ["The drill failed: summaries were stale for 40 s"]


def test_lower_rung_that_did_not_help_is_no_issue(tmp_path: Path) -> None:
    record = sample(tmp_path, SCRIPTS[2:3])
    assert not [found for found in findings(record) if "Try restart" in found.issue]
    last = record.drills[0].steps[3].model_copy(update={"status": "failed"})
    steps = [*record.drills[0].steps[:3], last]
    record.drills = [record.drills[0].model_copy(update={"steps": steps})]
    assert [found for found in findings(record) if "rebuild from image" in found.issue]
