"""Figures before, during and after the fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measure.compare import (
    DatabaseLoad,
    Windows,
    cache_hit_ratio,
    compare,
    compare_loads,
    error_ratio,
    latency,
    median_latencies,
    rows_per_second,
)
from measure.observation import KINDS, Observation, Probe
from measure.verdict import Verdict

WINDOWS = Windows((0, 10), (10, 20), (20, 30))


def observation(before: float, during: float | None, after: float, hits_after: float = 1.0) -> Observation:
    """Ten probes a second; latencies in seconds; ``during`` None: everything fails."""
    found = Observation()
    for kind in KINDS:
        for n in range(300):
            t = n / 10
            wanted = before if t < 10 else during if t < 20 else after
            outcome = "fail" if wanted is None else "ok"
            cache = None
            if kind == "read" and wanted is not None:
                cache = "hit" if t < 10 or (t >= 20 and n % 10 < 10 * hits_after) else "bypass"
            found.probes[kind].append(Probe(kind, t, wanted or 0.001, outcome, cache=cache))
    return found


def by_name(found: Observation, hit_ratio: float | None = 0.8) -> dict[str, tuple[Verdict, float | None]]:
    return {each.name: (each.verdict, each.after) for each in compare(found, WINDOWS, 2.0, hit_ratio)}


def test_a_service_that_is_back_to_its_old_self() -> None:
    found = compare(observation(0.004, 0.04, 0.005), WINDOWS, 2.0, 0.8)
    assert {each.verdict for each in found} == {Verdict.PASS}
    read = next(each for each in found if each.name == "read, median")
    assert (read.before, read.during, read.after, read.limit) == (4.0, 40.0, 5.0, "≤ 2 × before")
    hits = next(each for each in found if each.name == "reads answered by the cache")
    assert (hits.before, hits.during, hits.after) == (1.0, 0.0, 1.0)


def test_slow_answers_after_recovery_fail() -> None:
    found = by_name(observation(0.004, None, 0.009))
    assert found["read, median"] == (Verdict.FAIL, 9.0)
    assert found["read, 95th percentile"] == (Verdict.PASS, 9.0)


def test_speed_is_judged_by_the_time_in_which_it_was_restored() -> None:
    slow_at_first = observation(0.004, None, 0.004)
    for kind in KINDS:
        for n in range(200, 280):
            slow_at_first.probes[kind][n] = Probe(
                kind, n / 10, 0.1, "fail" if n == 210 else "ok", cache="hit"
            )
    found = compare(slow_at_first, WINDOWS, 2.0, 0.8, restored=(28, 30))
    assert {(each.after, each.verdict) for each in found if each.unit == "ms"} == {(4.0, Verdict.PASS)}
    failed = next(each for each in found if each.name == "probes that failed")
    assert failed.after == pytest.approx(1 / 100), "what failed before that counts nevertheless"


def test_a_cache_that_does_not_rebuild_fails_the_drill_that_is_about_it() -> None:
    cold = observation(0.004, None, 0.004, hits_after=0.5)
    assert by_name(cold)["reads answered by the cache"] == (Verdict.FAIL, 0.5)
    assert by_name(cold, hit_ratio=None)["reads answered by the cache"] == (Verdict.PASS, 0.5)


def test_errors_after_recovery_fail() -> None:
    broken = observation(0.004, None, 0.004)
    broken.probes["write"][-1] = Probe("write", 29.9, 0.1, "unknown")
    assert by_name(broken)["probes that failed"][1] == pytest.approx(1 / 300)


def test_what_was_not_measured_is_no_figure() -> None:
    found = observation(0.004, None, 0.004)
    figures = compare(found, WINDOWS._replace(before=(0, 0.5)), 2.0, 0.8)
    read = next(each for each in figures if each.name == "read, median")
    assert (read.before, read.during, read.verdict) == (None, None, Verdict.INVALID)
    assert (latency([], 0.5), error_ratio([]), cache_hit_ratio([])) == (None, None, None)
    assert median_latencies(found, (0, 0.5)) is None
    assert median_latencies(found, (0, 10)) == dict.fromkeys(KINDS, 0.004)


@given(st.lists(st.floats(0.0001, 5), min_size=10, max_size=50), st.floats(0, 1))
def test_a_quantile_is_one_of_the_latencies(latencies: list[float], quantile: float) -> None:
    found = latency([Probe("read", n, each, "ok") for n, each in enumerate(latencies)], quantile)
    assert found is not None
    assert any(found == round(1000 * each, 3) for each in latencies)
    assert latency([Probe("read", 0, each, "ok") for each in latencies], 0.0) == pytest.approx(
        1000 * min(latencies), abs=0.001
    )
    assert latency([Probe("read", 0, each, "ok") for each in latencies], 1.0) == pytest.approx(
        1000 * max(latencies), abs=0.001
    )


def test_database_load_is_a_rate_between_two_readings() -> None:
    assert rows_per_second(DatabaseLoad(10, 1000), DatabaseLoad(20, 3000)) == 200
    assert rows_per_second(DatabaseLoad(10, 1000), DatabaseLoad(20, 10)) is None
    assert rows_per_second(DatabaseLoad(10, 1000), DatabaseLoad(10, 1000)) is None


@pytest.mark.parametrize(
    ("rates", "rises", "verdict"),
    [
        ([200, 2000, None], False, Verdict.PASS),
        ([200, 100, 100], False, Verdict.PASS),
        ([200, 2000, None], True, Verdict.PASS),
        ([200, 200, 100], True, Verdict.FAIL),
        ([None, 2000, 100], True, Verdict.INVALID),
        ([200, None, 100], True, Verdict.INVALID),
    ],
)
def test_a_lost_cache_must_be_seen_in_the_databases_load(
    rates: list[float | None], rises: bool, verdict: Verdict
) -> None:
    told = compare_loads(rates, rises)
    assert ([told.before, told.during, told.after], told.verdict) == (rates, verdict)
