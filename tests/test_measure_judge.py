"""The verdict: each way in which a drill fails, or proves nothing, with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measure.compare import Comparison
from measure.judge import Detection, Evidence, Promises, judge
from measure.timeline import Span
from measure.verdict import Verdict
from recovery.model import BoxResult

PASS, FAIL, INVALID = Verdict.PASS, Verdict.FAIL, Verdict.INVALID


@dataclass(frozen=True)
class Ledger:
    verdict: Verdict = PASS
    reasons: tuple[str, ...] = ()
    rpo_actual_s: float | None = 0.0


PROMISES = Promises(rto_s=900, rpo_s=300, detection_s=120, max_stall_s=1.0)
GOOD = Evidence(
    effect="40 of 100 read probes failed",
    recovery=Span(14.2, 0.03),
    waited_s=20,
    worst_stall_s=0.01,
    acked_before={"api": 300, "sql": 150},
    ledger=Ledger(),
    detection=Detection(8.0, 8.0, ["DashboardDown"]),
    boxes=[BoxResult("health-200", "Health check returns 200", True, "200")],
    comparisons=[Comparison("read, median", "ms", 4.0, None, 5.0, "≤ 2 × before", PASS)],
)


def test_a_promise_that_was_kept() -> None:
    found = judge(PROMISES, GOOD)
    assert (found.verdict, found.reasons) == (PASS, [])
    assert [(each.name, each.target_s, each.actual_s, each.verdict) for each in found.objectives] == [
        ("RTO", 900, 14.2, PASS),
        ("detection", 120, 8.0, PASS),
        ("RPO", 300, 0.0, PASS),
    ]


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        # What is certain fails.
        ({"recovery": Span(901, 0.5)}, FAIL, "recovery took 901.00 s ± 0.50 s, the RTO is 900 s"),
        (
            {"recovery": None, "waited_s": 60.0},
            FAIL,
            "the service was not recovered when the wait for it ended, 60.0 s after T0",
        ),
        (
            {"detection": Detection(None, 120.0, ["DashboardDown", "DashboardRestarted"])},
            FAIL,
            "no notification of DashboardDown or DashboardRestarted arrived within 120.0 s: "
            "the detection time is 120 s",
        ),
        (
            {"detection": Detection(130.5, 131, ["RedisDown"])},
            FAIL,
            "the notification of RedisDown arrived after 130.5 s: the detection time is 120 s",
        ),
        (
            {"boxes": [BoxResult("health-200", "Health check returns 200", False, "503 three times")]},
            FAIL,
            "Health check returns 200: 503 three times",
        ),
        (
            {"ledger": Ledger(FAIL, ("3 writes acknowledged and lost",), 301.0)},
            FAIL,
            "ledger: 3 writes acknowledged and lost",
        ),
        ({"baseline": ["sales has 99999 rows"]}, FAIL, "baseline: sales has 99999 rows"),
        ({"residue": ["a fill file on redis"]}, FAIL, "left behind: a fill file on redis"),
        ({"failures": ["12 reads failed while only the cache was lost"]}, FAIL, "12 reads failed while only"),
        (
            {"comparisons": [Comparison("read, median", "ms", 4.0, None, 9.5, "≤ 2 × before", FAIL)]},
            FAIL,
            "read, median: 4 ms before, not measured during, 9.5 ms after (limit: ≤ 2 × before)",
        ),
        # What nobody saw proves nothing.
        ({"effect": None}, INVALID, "the fault had no visible effect"),
        ({"observer_died": "exit status -9"}, INVALID, "the observer died: exit status -9"),
        ({"worst_stall_s": 3.2}, INVALID, "the observer stood still for 3.20 s, where 1 s are allowed"),
        ({"worst_stall_s": None}, INVALID, "the observer was not running"),
        ({"acked_before": {"api": 300, "sql": 0}}, INVALID, "not one write by sql was acknowledged"),
        ({"workload_died": "exit status 1"}, INVALID, "the workload died: exit status 1"),
        ({"ledger": None}, INVALID, "there is no ledger"),
        (
            {"ledger": Ledger(INVALID, ("no write was attempted",), None)},
            INVALID,
            "ledger: no write was attempted",
        ),
        (
            {"detection": Detection(1.0, 1.0, ["RedisDown"], ["RedisDown"])},
            INVALID,
            "RedisDown was firing before the fault",
        ),
        (
            {"detection": Detection(None, 30.0, ["RedisDown"])},
            INVALID,
            "the budget of 120 s was not waited for",
        ),
        ({"detection": None}, INVALID, "no alert was waited for"),
        ({"recovery": Span(14.2, None)}, INVALID, "how exactly is not known"),
        ({"recovery": Span(899.8, 0.5)}, INVALID, "too close to the RTO of 900 s to tell"),
        ({"recovery": Span(900.2, 0.5)}, INVALID, "too close to the RTO of 900 s to tell"),
        (
            {"boxes": [BoxResult("metrics-exported", "Metrics being exported", None, "Prometheus is down")]},
            INVALID,
            "Metrics being exported: could not be examined: Prometheus is down",
        ),
        ({"problems": ["no steady state in 30 s"]}, INVALID, "no steady state in 30 s"),
        (
            {"comparisons": [Comparison("read, median", "ms", None, None, 9.5, "≤ 2 × before", INVALID)]},
            INVALID,
            "read, median: not measured before, not measured during, 9.5 ms after",
        ),
    ],
)
def test_one_thing_wrong(change: dict[str, Any], verdict: Verdict, reason: str) -> None:
    found = judge(PROMISES, replace(GOOD, **change))
    assert found.verdict is verdict
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_a_fault_without_effect_is_held_against_nobody() -> None:
    nothing = replace(GOOD, effect=None, recovery=None, detection=Detection(None, 120.0, ["DashboardDown"]))
    found = judge(PROMISES, nothing)
    assert found.verdict is INVALID
    assert found.reasons == [
        "the fault had no visible effect: no probe failed, was slowed down or lost the cache"
    ]
    assert [each.verdict for each in found.objectives] == [INVALID, INVALID, PASS]


def test_a_frozen_observer_does_not_mean_that_nothing_happened_or_recovered() -> None:
    frozen = replace(GOOD, effect=None, recovery=None, worst_stall_s=30.0)
    found = judge(PROMISES, frozen)
    assert found.verdict is INVALID
    assert found.reasons == [
        "the observer stood still for 30.00 s, where 1 s are allowed: what happened meanwhile was not seen"
    ]
    assert [each.verdict for each in found.objectives] == [INVALID, PASS, PASS]
    unheard = judge(PROMISES, replace(frozen, detection=Detection(None, 120.0, ["DashboardDown"])))
    assert [each.verdict for each in unheard.objectives] == [INVALID, INVALID, PASS]
    assert unheard.reasons == found.reasons


def test_an_alert_without_an_effect_detected_nothing() -> None:
    found = judge(PROMISES, replace(GOOD, effect=None))
    assert [each.verdict for each in found.objectives] == [INVALID, INVALID, PASS]


def test_a_loss_is_a_loss_even_if_the_observer_died() -> None:
    lost = replace(GOOD, observer_died="killed", ledger=Ledger(FAIL, ("1 write lost",), 2.0))
    found = judge(PROMISES, lost)
    assert found.verdict is FAIL
    assert found.reasons == ["ledger: 1 write lost", "the observer died: killed"]


def test_a_recovery_far_beyond_its_limit_fails_even_if_the_observer_stood_still() -> None:
    late = replace(GOOD, recovery=Span(2000, 5.0), worst_stall_s=5.0)
    assert judge(PROMISES, late).objectives[0].verdict is FAIL


def test_a_component_without_promises_is_not_held_to_any() -> None:
    loose = replace(PROMISES, rpo_s=None, detection_s=None)
    found = judge(loose, replace(GOOD, detection=None))
    assert found.verdict is PASS
    assert [(each.name, each.target_s) for each in found.objectives] == [("RTO", 900), ("RPO", None)]


def test_the_failover_test_has_its_own_limit() -> None:
    found = judge(replace(PROMISES, rto_s=30, recovery="failover SLA"), replace(GOOD, recovery=Span(40, 0.1)))
    assert found.reasons == ["recovery took 40.00 s ± 0.10 s, the failover SLA is 30 s"]
    assert found.objectives[0].name == "failover SLA"


TROUBLES: dict[str, list[Any]] = {
    "effect": [None],
    "recovery": [None, Span(2000, 0.1), Span(10, None), Span(900, 1)],
    "worst_stall_s": [None, 9.0],
    "acked_before": [{"api": 0}],
    "ledger": [None, Ledger(FAIL, ("lost",), 400), Ledger(INVALID, ("no load",), None)],
    "detection": [None, Detection(None, 120, ["A"]), Detection(1, 1, ["A"], ["A"])],
    "observer_died": ["it did"],
    "workload_died": ["it did"],
    "baseline": [["a row"]],
    "residue": [["a file"]],
    "failures": [["a failure"]],
    "problems": [["a problem"]],
}


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in TROUBLES.items()}))
def test_trouble_never_passes_and_always_has_a_reason(change: dict[str, Any]) -> None:
    found = judge(PROMISES, replace(GOOD, **change))
    assert (found.verdict is PASS) == (not change)
    assert bool(found.reasons) == bool(change)
    assert len(set(found.reasons)) == len(found.reasons)
    assert all(each.verdict is PASS or each.note for each in found.objectives)
    if any(each.verdict is FAIL for each in found.objectives):
        assert found.verdict is FAIL


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in TROUBLES.items()}))
def test_more_trouble_never_makes_a_certain_failure_better(change: dict[str, Any]) -> None:
    certain = replace(GOOD, **{**change, "residue": ["a file"]})
    assert judge(PROMISES, certain).verdict is FAIL


@pytest.mark.parametrize(
    ("lost_s", "verdict", "reasons"),
    [
        (30.0, PASS, []),
        (3600.0, PASS, []),
        (3700.0, FAIL, ["the series of 3700 s are lost, the RPO is 3600 s"]),
        (None, INVALID, ["how much of the series is lost is not known"]),
    ],
)
def test_the_rpo_of_monitoring_is_about_its_series(
    lost_s: float | None, verdict: Verdict, reasons: list[str]
) -> None:
    promises = replace(PROMISES, rpo_s=3600, rpo_of="series")
    found = judge(promises, replace(GOOD, series_lost_s=lost_s))
    assert (found.verdict, found.reasons) == (verdict, reasons)
    [objective] = [each for each in found.objectives if each.name == "RPO"]
    assert (objective.target_s, objective.actual_s, objective.verdict) == (3600, lost_s, verdict)


def test_sales_that_are_lost_with_monitoring_fail_all_the_same() -> None:
    promises = replace(PROMISES, rpo_s=3600, rpo_of="series")
    lost = Ledger(FAIL, ("1 write acknowledged and lost",), 3.0)
    found = judge(promises, replace(GOOD, series_lost_s=10.0, ledger=lost))
    assert (found.verdict, found.reasons) == (FAIL, ["ledger: 1 write acknowledged and lost"])
