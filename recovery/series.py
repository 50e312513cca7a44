"""How much of what was watched is lost: the gaps in Prometheus' own record of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

LONGEST_PAUSE_S = 6.0
"""Three scrapes of Prometheus by itself, one every 2 s (stack/monitoring/prometheus.yml): a longer pause is a gap."""


@dataclass(frozen=True)
class SeriesLoss:
    """What is lost, all in seconds.

    :param lost_s: the time of which there are no samples.
    :param expected_s: the time since the stack was made, its own start included.
    :param forgot: whether nothing is left from before the outage.
    """

    lost_s: float
    expected_s: float
    forgot: bool

    def holds(self, rpo_s: float) -> bool | None:
        """Whether no more than ``rpo_s`` is lost; None: all is lost, and it was not more than that."""
        if self.lost_s > rpo_s:
            return False
        return None if self.forgot else True

    def __str__(self) -> str:
        told = f"{self.lost_s:.0f} s of the {self.expected_s:.0f} s since the stack was made are not there"
        return f"{told}: nothing is left from before the outage" if self.forgot else told


def series_loss(samples: Iterable[float], born: float, outage: float, now: float) -> SeriesLoss:
    """What is lost of a series.

    :param samples: when it has samples, Unix time.
    :param born: since when it should have, Unix time.
    :param outage: a moment of the outage, Unix time.
    :param now: Unix time.
    """
    there = sorted(samples)
    edges = [born, *there, now]
    lost_s = sum(later - earlier for earlier, later in pairwise(edges) if later - earlier > LONGEST_PAUSE_S)
    return SeriesLoss(lost_s, now - born, not there or there[0] >= outage)
