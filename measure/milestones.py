"""The milestones of a drill, from the fault to a service that is verified, and the phases between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from measure.observation import Observation, Probe
from measure.timeline import Steady, first_bad, steady_at


@dataclass(frozen=True)
class Milestones:
    """When each thing was first seen, in seconds from T0 (the fault in effect); None: never seen."""

    first_error: float | None = None
    detected: float | None = None
    recovery_started: float | None = None
    process_up: float | None = None
    first_good: float | None = None
    first_acked_write: float | None = None
    steady: float | None = None
    verified: float | None = None


@dataclass(frozen=True)
class Phase:
    """A stretch of a drill, in seconds from T0."""

    name: str
    start_s: float
    end_s: float


def milestones(
    observation: Observation,
    *,
    injected: float,
    t_zero: float,
    acks: Iterable[float],
    detected: float | None = None,
    recovery_started: float | None = None,
    process_up: float | None = None,
    verified: float | None = None,
    steady: Steady | None = None,
) -> Milestones:
    """Every milestone, in seconds from T0. All times that go in are monotonic.

    :param injected: when the injection began: what failed earlier has another cause.
    :param acks: when writes through the service were acknowledged (see :class:`measure.load.Load`).
    :param process_up: when the container that serves again was started.
    """
    bad = first_bad(observation, injected)
    good = first_good(observation, injected, t_zero)
    times = {
        "first_error": bad.seen if bad else None,
        "detected": detected,
        "recovery_started": recovery_started,
        "process_up": process_up,
        "first_good": good,
        "first_acked_write": first_acked_write(observation, acks, injected, t_zero),
        "steady": steady_at(observation, good or t_zero, steady) if steady else None,
        "verified": verified,
    }
    return Milestones(**{name: None if t is None else t - t_zero for name, t in times.items()})


_PHASES = {
    "detected": "detection",
    "recovery_started": "response",
    "first_good": "repair",
    "verified": "validation",
}


def phases(milestones: Milestones, steady_from_s: float) -> list[Phase]:
    """The phases of a drill, in the order in which they came, each ending with the milestone it leads to.

    A service that is back before anybody was told has its repair before its detection.

    :param steady_from_s: when the load began, in seconds from T0: negative.
    """
    found = [Phase("steady state", steady_from_s, 0.0)]
    ends = [(getattr(milestones, milestone), name) for milestone, name in _PHASES.items()]
    for end, name in sorted((end, name) for end, name in ends if end is not None and end > 0):
        if end > found[-1].end_s:
            found.append(Phase(name, found[-1].end_s, end))
    return found


def first_good(observation: Observation, injected: float, t_zero: float) -> float | None:
    """When the first good answer had come after the service was seen to fail.

    Kind by kind, since one kind may still be answered while another already fails; None when none came, and
    when nothing failed.
    """
    seen = []
    for probes in observation.probes.values():
        bad = _failed(probes, injected, t_zero)
        if bad:
            seen += [probe.seen for probe in probes if probe.good and probe.t > bad.t]
    return min(seen, default=None)


def first_acked_write(
    observation: Observation, acks: Iterable[float], injected: float, t_zero: float
) -> float | None:
    """The first of ``acks`` after writes were seen to fail; None when they never failed, or none came."""
    bad = _failed(observation.probes["write"], injected, t_zero)
    return min((t for t in acks if bad and t > bad.t), default=None)


def _failed(probes: Sequence[Probe], injected: float, t_zero: float) -> Probe | None:
    """The probe that certainly met the fault: a bad one from T0 on, where there is one.

    Around the injection itself, one probe fails while another, begun later, is still answered.
    """
    bad = [probe for probe in probes if probe.t >= injected and not probe.good]
    return next((probe for probe in bad if probe.t >= t_zero), bad[0] if bad else None)
