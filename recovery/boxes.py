"""A scenario's validation boxes, each examined for real: what holds, and by what evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
import psycopg
import requests
from docker.errors import DockerException
from redis.exceptions import RedisError

from plan.duration import format_duration
from plan.model import Scenario
from recovery.model import BoxResult, Validate


@dataclass(frozen=True)
class Finding:
    """Whether a box holds (None: it could not be examined), and what was seen, with figures."""

    holds: bool | None
    evidence: str


Examine = Callable[[], Finding]
"""Looks at one box, once.

When the service that is recovered does not answer, the box does not hold. When what it is compared with does
not answer (the database, Prometheus, the engine), it could not be examined.
"""


def validation(scenario: Scenario, examine: Mapping[str, Examine]) -> Validate:
    """Looks at those of the scenario's boxes that ``examine`` can, by their ids, in the plan's order."""
    boxes = [box for box in scenario.boxes if box.id in examine]

    def validate() -> list[BoxResult]:
        found = [(box, _examined(examine[box.id])) for box in boxes]
        return [BoxResult(box.id, box.text, finding.holds, finding.evidence) for box, finding in found]

    return validate


def _examined(examine: Examine) -> Finding:
    try:
        return examine()
    except (httpx.HTTPError, RedisError) as error:
        return Finding(False, f"no answer: {error or type(error).__name__}")
    except (psycopg.Error, DockerException, requests.exceptions.RequestException) as error:
        return Finding(None, f"{type(error).__name__}: {error}")


def recovery_time(t_zero: float, rto: timedelta) -> Examine:
    """Whether the recovery time, from the fault until now, is still within the RTO.

    :param t_zero: when the fault took effect, in monotonic seconds.
    """

    def examine() -> Finding:
        took_s = time.monotonic() - t_zero
        return Finding(
            took_s < rto.total_seconds(), f"{took_s:.1f} s since the fault, of {format_duration(rto)}"
        )

    return examine
