"""What clients must have seen of a fault, limit by limit, and the words in which it is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.expectations import (
    Share,
    answers,
    blind,
    dishonest_health,
    disturbed,
    refusals,
    refused_from,
    unrefused,
    unsaid,
    unsteady,
)
from fixtures.findings import DrillEnds, Findings
from fixtures.performance import Performance
from measure.observation import KINDS, Observation, Probe
from tests.test_measure_timeline import all_kinds, every, observed


def probes(*outcomes: tuple[str, float, int | None]) -> list[Probe]:
    """One probe for each outcome, latency in seconds and HTTP status."""
    return [
        Probe("write", n / 10, latency, outcome, status)
        for n, (outcome, latency, status) in enumerate(outcomes)
    ]


GOOD, SLOW = ("ok", 0.01, 200), ("ok", 1.01, 200)
REFUSED, REFUSED_LATE, FAILED = ("fail", 0.01, 503), ("fail", 1.51, 503), ("fail", 0.01, 500)


@pytest.mark.parametrize(
    ("good", "of", "least", "reached"),
    [(99, 100, 0.99, True), (98, 100, 0.99, False), (9, 10, 0.9, True), (0, 1, 0.0, True), (1, 1, 1.0, True)],
)
def test_a_share_reaches_its_limit_at_the_limit(good: int, of: int, least: float, reached: bool) -> None:
    assert Share(good, of).reaches(least) is reached


@given(least=st.floats(0, 1))
def test_of_no_probe_no_share_is_reached(least: float) -> None:
    assert not Share(0, 0).reaches(least)


@given(good=st.integers(0, 5000), bad=st.integers(0, 5000))
def test_a_share_of_99_percent_is_what_it_is_in_whole_numbers(good: int, bad: int) -> None:
    assert Share(good, good + bad).reaches(0.99) is (good + bad > 0 and 100 * good >= 99 * (good + bad))


@pytest.mark.parametrize(
    ("died", "silent_s", "why"),
    [
        (False, 0.9, ""),
        (False, 1.0, ""),
        (False, 1.26, "the observer has reported nothing for 1.3 s"),
        (False, None, "the observer has reported nothing"),
        (True, 0.1, "the observer died: what clients saw from then on is not known"),
    ],
)
def test_a_silent_observer_says_nothing_about_the_service(
    died: bool, silent_s: float | None, why: str
) -> None:
    assert blind(died, silent_s, max_stall_s=1.0) == why


def test_a_steady_state_counts_the_probes_of_every_kind_together() -> None:
    seen = observed(*all_kinds("+" * 50))
    assert unsteady(seen, (0.0, 6.0), 0.99) == ""
    seen = observed(*every("health", "+" * 50), *every("read", "+" * 48 + "-?"), *every("write", "+" * 50))
    assert unsteady(seen, (0.0, 6.0), 0.98) == ""
    assert unsteady(seen, (0.0, 6.0), 0.99) == (
        "the steady state was not steady: 148 of 150 probes answered well, the plan wants 99%"
    )


def test_a_steady_state_that_nobody_saw_is_none() -> None:
    assert "0 of 0 probes" in unsteady(Observation(), (0.0, 6.0), 0.99)
    few = observed(*every("health", "+" * 50), *every("read", "+" * 50), *every("write", "+" * 5))
    assert unsteady(few, (0.0, 6.0), 0.99) == (
        "the steady state was not observed: too few probes to tell how it was"
    )


def test_clients_may_not_notice_what_is_none_of_their_business() -> None:
    assert disturbed("write", probes(GOOD, SLOW), 0.99) == ""
    assert disturbed("write", probes(GOOD, FAILED), 0.99) == (
        "while clients were not to notice anything, 1 of 2 write probes were answered well; the plan wants 99%"
    )
    assert "0 of 0 write probes" in disturbed("write", [], 0.99)


def test_an_answer_that_is_late_is_none() -> None:
    assert answers("write", probes(GOOD, GOOD), 1.0, 0.99).failure == ""
    seen = answers("write", probes(GOOD, SLOW, FAILED), 1.0, 0.99)
    assert seen.told == "1 of 3 write probes answered"
    assert seen.failure == (
        "while the cache was lost, 1 of 3 write probes were answered within 1 s; the plan wants 99%"
    )
    assert "0 of 0 write probes" in answers("write", [], 1.0, 0.99).failure


def test_one_read_at_least_says_that_the_cache_is_lost() -> None:
    assert unsaid(every("read", "+-b+")) == ""
    assert (
        unsaid(every("read", "+-+"))
        == unsaid([])
        == ("while the cache was lost, no read said that it was served without it")
    )


def answering(status: int, text: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, text=text)


def test_a_health_check_must_say_that_the_service_is_degraded() -> None:
    assert dishonest_health(answering(200, '{"status": "degraded"}')) == ""
    assert dishonest_health(answering(200, '{"status": "ok"}')) == (
        "while the cache was lost, the health check answered 200 'ok', not 200 'degraded': it does not ask"
    )
    assert "answered 503 'degraded'" in dishonest_health(answering(503, '{"status": "degraded"}'))
    assert "gave no answer: AttributeError" in dishonest_health(answering(200, "[]"))
    assert "gave no answer: JSONDecodeError" in dishonest_health(answering(502, "<html>"))

    def refuse() -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert dishonest_health(refuse) == (
        "while the cache was lost, the health check gave no answer: ConnectError: refused"
    )


def test_refusals_begin_when_each_kind_was_refused_once() -> None:
    seen = observed(*every("health", "++--"), *every("write", "++++-"))
    assert refused_from(seen, ["health"], 0.0) == pytest.approx(0.21)
    assert refused_from(seen, ["health", "write"], 0.0) == pytest.approx(0.41)
    assert refused_from(seen, ["health"], 0.25) == pytest.approx(0.31)
    assert refused_from(seen, ["health", "read"], 0.0) is None


def test_who_refuses_does_so_at_once_and_with_503() -> None:
    assert refusals("write", probes(GOOD, REFUSED, REFUSED), 1.5, 0.99).failure == ""
    seen = refusals("write", probes(GOOD, REFUSED, REFUSED_LATE, FAILED), 1.5, 0.99)
    assert seen.told == "1 of 3 write probes refused at once"
    assert seen.failure == (
        "while the database was lost, 1 of 3 write probes were refused with 503 within 1.5 s; the plan wants 99%"
    )
    assert "0 of 0 write probes" in refusals("write", probes(GOOD), 1.5, 0.99).failure


def test_who_has_no_database_answers_nothing_as_if_it_were_there() -> None:
    assert unrefused("write", probes(REFUSED, FAILED), 0.99) == ""
    assert unrefused("write", probes(*[REFUSED] * 99, GOOD), 0.99) == ""
    assert unrefused("write", probes(REFUSED, GOOD), 0.99) == (
        "while the database was lost, 1 of 2 write probes were answered as if it were there; "
        "the plan wants 99% refused"
    )
    assert unrefused("write", [], 0.99) == ""


def test_as_fast_as_before_for_as_long_as_before() -> None:
    seen = observed(*all_kinds("+" * 40))
    performance = Performance(dict.fromkeys(KINDS, 0.006), width_s=2.0, factor=2.0)
    seen.last = 3.9
    assert performance.restored(seen, since=2.0) is None, "it was not watched for long enough"
    assert performance.told() == "health 6.0 → 0.0 ms, read 6.0 → 0.0 ms, write 6.0 → 0.0 ms"
    assert performance.restored(seen, since=1.0) == pytest.approx((1.9, 3.9))
    slower = Performance(dict.fromkeys(KINDS, 0.004), width_s=2.0, factor=2.0)
    assert slower.restored(seen, since=1.0) is None
    assert slower.told() == "health 4.0 → 10.0 ms, read 4.0 → 10.0 ms, write 4.0 → 10.0 ms"


def test_what_ends_a_drill_is_among_its_findings() -> None:
    findings = Findings(started=0.0, started_utc=datetime.now(UTC))
    findings.fail("")
    findings.fail("a sale is gone")
    with pytest.raises(DrillEnds, match="nobody looked"):
        findings.end(problem="nobody looked")
    with pytest.raises(DrillEnds, match="it is down"):
        findings.end(failure="it is down")
    assert findings.failures == ["a sale is gone", "it is down"]
    assert findings.problems == ["nobody looked"]
