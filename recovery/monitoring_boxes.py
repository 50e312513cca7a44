"""The boxes of "Monitoring Lost": it watches everything, it is heard where a pager rings, and it remembers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httpx

from plan.model import DrillSettings
from recovery.boxes import Examine, Finding
from recovery.client import Client
from recovery.series import SeriesLoss, series_loss
from stack.stack import Stack

RETENTION_S = 86400.0
"""For how long Prometheus keeps what it has scraped."""


class MonitoringBoxes:
    """Examines monitoring that is recovering.

    :param since: when recovery began, in monotonic seconds.
    :param rpo: of how long the series may be lost.
    """

    def __init__(
        self, stack: Stack, client: Client, settings: DrillSettings, since: float, rpo: timedelta | None
    ) -> None:
        self._stack = stack
        self._client = client
        self._timeout_s = settings.request_timeout.total_seconds()
        self._since = since
        self._rpo_s = rpo.total_seconds() if rpo else 0.0

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {
            "all-scraped": self.scraped,
            "alerts-delivered": self.delivered,
            "series-kept": self.kept,
        }

    def scraped(self) -> Finding:
        """Every target that Prometheus is configured with has been scraped well by the process that runs."""
        try:
            targets = self._client.targets()
        except LookupError as error:
            return Finding(False, str(error))
        bad = [
            f"{each['labels']['job']}: {each['lastError'] or each['health']}"
            for each in targets
            if each["health"] != "up"
        ]
        if bad or not targets:
            return Finding(False, "; ".join(bad) or "it has no targets yet")
        return Finding(True, f"all {len(targets)} targets scraped")

    def delivered(self) -> Finding:
        """The alert that always fires has been heard at the far end since recovery began."""
        try:
            switch = httpx.get(
                f"{self._stack.url('receiver', 8000)}/watchdog", timeout=self._timeout_s, trust_env=False
            ).json()
        except LookupError as error:
            return Finding(None, str(error))
        age_s = switch["age_s"]
        if age_s is None or time.monotonic() - age_s < self._since:
            heard = "never" if age_s is None else f"last {age_s:.1f} s ago"
            return Finding(False, f"the dead man's switch was {heard} heard, not since recovery began")
        return Finding(not switch["lost"], f"the dead man's switch was heard {age_s:.1f} s ago")

    def kept(self) -> Finding:
        """What was recorded before the outage is there, and the gap since is no longer than the RPO."""
        try:
            loss = lost(self._stack, self._client, self._since)
        except LookupError as error:
            return Finding(False, str(error))
        holds = loss.holds(self._rpo_s)
        untested = (
            f"; the stack is younger than {self._rpo_s:g} s: the RPO was not tested" if holds is None else ""
        )
        return Finding(holds, f"{loss}{untested}")


def lost(stack: Stack, client: Client, outage: float) -> SeriesLoss:
    """How much of Prometheus' record of itself is lost, since the stack was made or for as long as it is kept.

    :param outage: a moment of the outage, in monotonic seconds.
    :raises httpx.HTTPError: when Prometheus does not answer.
    :raises LookupError: while it publishes no port.
    """
    now = time.time()
    made = [datetime.fromisoformat(container.attrs["Created"]) for container in stack.containers()]
    born = max(min(made, default=datetime.now(UTC)).timestamp(), now - RETENTION_S)
    found = client.series(f'up{{job="prometheus"}}[{int(now - born) + 1}s]')
    samples = [float(t) for each in found for t, _ in each["values"]]
    return series_loss(samples, born, now - (time.monotonic() - outage), now)
