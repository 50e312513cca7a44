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
    ("ticks", "counts"),
    [
        ((), True),
        (((9.9, 0.5), (11.6, 0.5)), True),  # before it and after it
        (((10.6, 0.5),), False),
        (((10.2, 0.5),), False),  # from before it began
        (((11.3, 0.5),), False),  # until after its end
        (((10.3, 0.03), (10.9, 0.03)), False),
        (((10.3, 0.03),), True),
        (((11.5, 2.0),), False),
    ],
)
def test_a_probe_during_which_the_observer_stood_still_does_not_tell_of_the_service(
    ticks: tuple[tuple[float, float], ...], counts: bool
) -> None:
    observation = observed((10.0, 1.0), ticks=ticks)
    probes = observation.probes["read"]
    assert observation.undisturbed(probes) == (probes if counts else [])
