"""What the observer has written, read again: which time was the service's, and which the observer's own."""

from __future__ import annotations

import pytest

from measure.observation import Observation


def observed(*probes: tuple[float, float], ticks: tuple[tuple[float, float], ...] = ()) -> Observation:
    """An observation of reads, (began, latency) each, and of ticks, (at, late) each."""
    observation = Observation()
    for t, latency in probes:
        observation.add({"kind": "read", "t": t, "latency": latency, "outcome": "ok"})
    for t, late in ticks:
        observation.add({"kind": "tick", "t": t, "late": late})
    return observation


@pytest.mark.parametrize(
    ("ticks", "own"),
    [
        ((), 1.0),
        (((9.9, 0.5), (11.6, 0.5)), 1.0),  # before it and after it
        (((10.6, 0.5),), 0.5),
        (((10.2, 0.5),), 0.8),  # from before it began
        (((11.3, 0.5),), 0.8),  # until after its end
        (((10.3, 0.2), (10.9, 0.4)), 0.4),
        (((11.5, 2.0),), 0.0),
    ],
)
def test_the_time_for_which_the_observer_stood_still_is_not_the_services(
    ticks: tuple[tuple[float, float], ...], own: float
) -> None:
    observation = observed((10.0, 1.0), ticks=ticks)
    [probe] = observation.own_time(observation.probes["read"])
    assert probe.latency == pytest.approx(own)
    assert (probe.t, probe.outcome) == (10.0, "ok")
