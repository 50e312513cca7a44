"""Outages, resolution, milestones and phases, from small files and from generated ones."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measure.load import load as load_of
from measure.milestones import Milestones, Phase, first_acked_write, first_good, milestones, phases
from measure.observation import KINDS, Observation, ObservationReader, Probe, Stall, load
from measure.timeline import (
    Steady,
    felt_from,
    first_bad,
    in_a_row,
    resolution_at,
    rto,
    steady_at,
    visible_effect,
    worst_stall,
)

STEADY = Steady(in_a_row=3, factor=2.0, medians=dict.fromkeys(KINDS, 0.01), availability=0.99)


def probe(kind: str, t: float, outcome: str = "ok", latency: float = 0.01, cache: str | None = None) -> Probe:
    return Probe(kind, t, latency, outcome, cache=cache)


def observed(*probes: Probe, stalls: tuple[Stall, ...] = ()) -> Observation:
    observation = Observation(stalls=list(stalls), started=0.0, last=1e9)
    for each in sorted(probes, key=lambda each: each.t):
        observation.probes[each.kind].append(each)
    return observation


def every(kind: str, outcomes: str, start: float = 0.0, period: float = 0.1) -> list[Probe]:
    """One probe a letter: ``+`` ok, ``-`` fail, ``?`` unknown, ``b`` answered without the cache."""
    words = {"+": ("ok", None), "-": ("fail", None), "?": ("unknown", None), "b": ("ok", "bypass")}
    return [
        probe(kind, start + n * period, words[letter][0], cache=words[letter][1])
        for n, letter in enumerate(outcomes)
    ]


def all_kinds(outcomes: str, start: float = 0.0) -> list[Probe]:
    return [each for n, kind in enumerate(KINDS) for each in every(kind, outcomes, start + 0.03 * n)]


# What is read from the files.


def test_a_file_is_read_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "probes.jsonl"
    reader = ObservationReader(path)
    assert reader.read().last is None
    line = {"kind": "read", "t": 1.0, "latency": 0.1, "outcome": "ok", "status": 200, "error": None}
    whole = json.dumps({**line, "cache": "hit", "late": 0.0}) + "\n"
    with path.open("w") as file:
        file.write('{"kind": "start", "t": 0.5}\n' + whole + whole[:20])
        file.flush()
        assert len(reader.read().probes["read"]) == 1
        file.write(whole[20:] + '{"kind": "tick", "t": 9.0, "late": 3.0}\n')
        file.flush()
        found = reader.read()
    assert len(found.probes["read"]) == 2
    assert found.stalls == [Stall(6.0, 9.0)]
    assert (found.started, found.last, found.ended) == (0.5, 9.0, False)
    with path.open("a") as file:
        file.write('{"kind": "skip", "t": 9.1, "probe": "read", "slots": 4, "why": "stalled"}\n')
        file.write('{"kind": "end", "t": 10.5, "cpu_s": 1.0, "wall_s": 10.0}\n')
    assert (load(path).ended, load(path).skipped, load(path).cpu_share) == (True, 4, 0.1)


def test_the_load_is_read_from_all_its_histories(tmp_path: Path) -> None:
    api = tmp_path / "history-api.jsonl"
    api.write_text(
        '{"n": 0, "id": "api-1", "kind": "invoke", "t": 5.0, "value": "1x1"}\n'
        '{"n": 1, "id": "api-2", "kind": "invoke", "t": 5.2, "value": "1x1"}\n'
        '{"n": 1, "id": "api-2", "kind": "ok", "t": 5.3}\n'
        '{"n": 0, "id": "api-1", "kind": "info", "t": 7.0}\n'
    )
    sql = tmp_path / "history-sql.jsonl"
    sql.write_text(
        '{"n": 0, "id": "sql-1", "kind": "invoke", "t": 1.0, "value": "x"}\n'
        '{"n": 0, "id": "sql-1", "kind": "ok", "t": 1.1}\n'
    )
    assert load_of([api, sql, tmp_path / "not-there.jsonl"]).acks == [1.1, 5.3]


# How exactly things are known.

OUTCOMES = st.text("+-?b", max_size=60)


def test_a_stall_over_an_edge_widens_the_resolution() -> None:
    probes = every("read", "++--++")
    plain = resolution_at(observed(*probes), 0.35)
    elsewhere = resolution_at(observed(*probes, stalls=(Stall(-9.0, -8.0),)), 0.35)
    over = resolution_at(observed(*probes, stalls=(Stall(0.3, 2.3),)), 0.35)
    assert plain == elsewhere == pytest.approx(0.1)
    # The last probe before it began at 0.3; from there to the end of the stall nobody knows.
    assert over == pytest.approx(2.0)


@given(OUTCOMES, st.lists(st.tuples(st.floats(-1, 7), st.floats(0, 3)), max_size=5))
def test_stalls_never_make_a_figure_look_more_exact(outcomes: str, stalls: list[tuple[float, float]]) -> None:
    probes = every("health", outcomes)
    stalled = observed(*probes, stalls=tuple(Stall(start, start + width) for start, width in stalls))
    for t in (0.0, 1.0, 3.05):
        assert (resolution_at(stalled, t) or 0) >= (resolution_at(observed(*probes), t) or 0)


def test_the_resolution_at_a_time_is_the_gap_around_it() -> None:
    observation = observed(*every("read", "++++"), *every("health", "++++", start=0.05))
    assert resolution_at(observation, 0.12) == pytest.approx(0.05)
    assert resolution_at(observation, -1) is None
    assert resolution_at(observation, 99) is None


def test_the_worst_stall_counts_a_dead_observer() -> None:
    observation = observed(stalls=(Stall(1.0, 1.2), Stall(5.0, 5.5), Stall(8.0, 20.0)))
    assert worst_stall(observation, 1.1, 6.0) == Stall(5.0, 5.5)
    assert worst_stall(observation, 2.0, 3.0) is None
    observation.last = 6.0
    assert worst_stall(observation, 2.0, 7.5) == Stall(6.0, 7.5)
    assert worst_stall(observation, 6.5, 7.5) == Stall(6.5, 7.5)
    assert worst_stall(observation, -2.0, 0.5) == Stall(-2.0, 0.0)
    observation.last = None
    assert worst_stall(observation, 2.0, 7.5) == Stall(2.0, 7.5)


# The recovery.


def test_the_first_error_is_the_first_after_the_injection() -> None:
    observation = observed(*every("read", "-+++--+"))
    found = first_bad(observation, 0.1)
    assert found is not None
    assert found.t == pytest.approx(0.4)
    assert first_bad(observation, 0.65) is None


def test_the_first_good_answer_is_no_straggler() -> None:
    # At the moment of injection (0.1) one read fails while a later one is still answered.
    observation = observed(*every("read", "+-+---++"))
    assert first_good(observation, injected=0.05, t_zero=0.25) == pytest.approx(0.61)
    # Where the service was back before T0 was noticed, the failure around the injection is all there is.
    assert first_good(observation, injected=0.05, t_zero=9.0) == pytest.approx(0.21)
    assert first_good(observed(*every("read", "++++")), 0.0, 0.1) is None


def test_the_first_acknowledged_write_comes_after_the_failure() -> None:
    observation = observed(*every("write", "+---++"), *every("read", "------"))
    acks = [0.05, 0.45, 0.55]
    assert first_acked_write(observation, acks, 0.0, 0.1) == 0.45
    assert first_acked_write(observation, acks[:1], 0.0, 0.1) is None
    assert first_acked_write(observed(*every("write", "+++")), acks, 0.0, 0.1) is None


def test_every_kind_must_answer_in_a_row() -> None:
    observation = observed(
        *every("health", "-++++++"), *every("read", "--++-+++"), *every("write", "--?++++")
    )
    assert in_a_row(observation, 0.0, 3) == pytest.approx(0.71)
    assert in_a_row(observation, 0.0, 5) is None
    assert in_a_row(observation, 0.0, 1) == pytest.approx(0.31)
    assert in_a_row(observation, 0.55, 3) is None


@given(st.tuples(OUTCOMES, OUTCOMES, OUTCOMES), st.integers(1, 6))
def test_in_a_row_agrees_with_looking_at_every_prefix(outcomes: tuple[str, str, str], n: int) -> None:
    probes = [every(kind, text) for kind, text in zip(KINDS, outcomes, strict=True)]
    found = in_a_row(observed(*itertools.chain(*probes)), 0.0, n)
    ends = [text.find("+" * n) for text in outcomes]
    if -1 in ends:
        assert found is None
    else:
        assert found == pytest.approx(max(ends) * 0.1 + (n - 1) * 0.1 + 0.01)


def test_steady_needs_the_old_speed_too() -> None:
    slow = [probe(kind, 0.1 * n, latency=0.03 if n < 5 else 0.02) for kind in KINDS for n in range(9)]
    assert steady_at(observed(*slow), 0.0, STEADY) == pytest.approx(0.62)
    assert in_a_row(observed(*slow), 0.0, 3) == pytest.approx(0.23)
    assert steady_at(observed(*slow), 0.0, Steady(3, 1.0, STEADY.medians, 0.99)) is None


def test_the_recovery_time_starts_where_a_client_saw_it() -> None:
    observation = observed(*all_kinds("++++------++++"))
    # wait_effective noticed at 0.5 what a client saw at 0.4 already.
    span = rto(observation, injected=0.3, t_zero=0.5, verified=1.2)
    assert span.actual_s == pytest.approx(0.8)
    assert span.resolution_s == pytest.approx(0.03 + 0.04)
    assert rto(observation, injected=0.3, t_zero=0.5, verified=9.0).resolution_s is None
    assert rto(observed(*all_kinds("+++++")), 0.1, 0.2, 0.3).actual_s == pytest.approx(0.1)


def test_a_fault_is_felt_by_clients_before_all_is_dark_and_never_after_t_zero() -> None:
    # As of a lost site: the first client is turned away at 0.4, all of it is seen to be dark at 5.0.
    dark = observed(*all_kinds("++++" + 60 * "-"))
    assert felt_from(dark, injected=0.3, t_zero=5.0) == pytest.approx(0.4)
    # What failed before the injection has another cause; and a client who notices later changes nothing.
    assert felt_from(observed(*every("read", "-+++-")), injected=0.05, t_zero=0.2) == 0.2
    assert felt_from(observed(*all_kinds("+++++")), injected=0.1, t_zero=0.2) == 0.2


@given(OUTCOMES, st.floats(0, 6), st.floats(0, 6))
def test_a_fault_is_felt_no_later_than_anybody_saw_it(outcomes: str, injected: float, later: float) -> None:
    observation, t_zero = observed(*every("read", outcomes)), injected + later
    felt = felt_from(observation, injected, t_zero)
    assert injected <= felt <= t_zero
    bad = first_bad(observation, injected)
    assert bad is None or felt <= bad.t


def test_what_a_fault_left_to_be_seen() -> None:
    healthy = observed(*all_kinds("++++++"))
    assert visible_effect(healthy, 0.0, 1.0, STEADY) is None
    failing = observed(*every("read", "++--+b"), *every("write", "+?++++"))
    assert visible_effect(failing, 0.0, 1.0, STEADY) == (
        "2 of 6 read probes failed, 1 of 6 read probes were served without the cache, "
        "1 of 6 write probes failed"
    )
    noise = observed(*every("read", "+" * 150 + "-" + "+" * 49))
    assert visible_effect(noise, 0.0, 100.0, STEADY) is None, "the steady state may have as much"
    slow = observed(*(probe("health", 0.1 * n, latency=0.05) for n in range(5)))
    assert visible_effect(slow, 0.0, 1.0, STEADY) == "the median health probe took 5.0 times as long"
    assert visible_effect(slow, 0.0, 0.15, STEADY) is None


def test_milestones_count_from_the_fault() -> None:
    observation = observed(*all_kinds("++++------++++++", start=100.0))
    found = milestones(
        observation,
        injected=100.3,
        t_zero=100.4,
        acks=[100.2, 101.05, 101.15],
        detected=100.7,
        process_up=100.9,
        verified=101.4,
        steady=STEADY,
    )
    assert asdict(found) == {
        "first_error": pytest.approx(0.01),
        "detected": pytest.approx(0.3),
        "recovery_started": None,
        "process_up": pytest.approx(0.5),
        "first_good": pytest.approx(0.61),
        "first_acked_write": pytest.approx(0.65),
        "steady": pytest.approx(0.91),
        "verified": pytest.approx(1.0),
    }


def test_phases_follow_one_another() -> None:
    seen = Milestones(detected=8.0, recovery_started=8.5, first_good=11.0, verified=13.0)
    assert phases(seen, -6.0) == [
        Phase("steady state", -6.0, 0.0),
        Phase("detection", 0.0, 8.0),
        Phase("response", 8.0, 8.5),
        Phase("repair", 8.5, 11.0),
        Phase("validation", 11.0, 13.0),
    ]
    healed_itself = Milestones(detected=8.0, first_good=2.0, verified=9.0)
    assert [phase.name for phase in phases(healed_itself, -6.0)] == [
        "steady state",
        "repair",
        "detection",
        "validation",
    ]
    assert phases(Milestones(), -6.0) == [Phase("steady state", -6.0, 0.0)]


@given(
    st.builds(
        Milestones,
        detected=st.none() | st.floats(-1, 100),
        recovery_started=st.none() | st.floats(-1, 100),
        first_good=st.none() | st.floats(-1, 100),
        verified=st.none() | st.floats(-1, 100),
    )
)
def test_phases_have_no_gap_and_no_overlap(seen: Milestones) -> None:
    found = phases(seen, -6.0)
    assert all(before.end_s == after.start_s for before, after in itertools.pairwise(found))
    assert all(phase.end_s > phase.start_s for phase in found)
