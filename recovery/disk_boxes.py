"""The boxes of DRP Scenario 4 that the live stack can be asked for; data loss is for the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

from docker.models.containers import Container

from plan.model import DrillSettings
from recovery.boxes import Examine, Finding
from recovery.client import Client
from recovery.disk import NO_ROOM, too_full, used_shares
from recovery.scenario_4 import WRITERS
from stack.stack import Stack

_METRICS = ["curl", "-fsS", "-m", "3", "http://127.0.0.1:9101/metrics"]


class DiskBoxes:
    """Examines a stack whose disks were full.

    :param since: when recovery began, in monotonic seconds.
    """

    def __init__(self, stack: Stack, client: Client, settings: DrillSettings, since: float) -> None:
        self._stack = stack
        self._client = client
        self._limit = settings.disk_used
        self._since = datetime.now(UTC) - timedelta(seconds=monotonic() - since)

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {
            "disk-usage": self.usage,
            "services-restarted": self.restarted,
            "all-healthy": self.healthy,
        }

    def usage(self) -> Finding:
        """Every volume has room."""
        try:
            shares = used_shares(self._stack)
        except LookupError as error:
            return Finding(None, str(error))
        if not shares:
            return Finding(None, "df did not say how full the volumes are")
        if full := too_full(shares, self._limit):
            return Finding(False, full)
        path, share = max(shares.items(), key=lambda item: item[1])
        return Finding(True, f"df of {len(shares)} volumes: the fullest, {path}, is {share:.0%} full")

    def restarted(self) -> Finding:
        """Whoever met a full disk has been started anew: no process that runs has."""
        found: list[str] = []
        for service in WRITERS:
            try:
                container = self._stack.container(service)
            except LookupError as error:
                return Finding(False, str(error))
            started = datetime.fromisoformat(container.attrs["State"]["StartedAt"])
            if NO_ROOM in _log(container, started):
                return Finding(
                    False, f"{service} has met a full disk since it was started at {started:%H:%M:%S} UTC"
                )
            if started > self._since:
                found.append(f"{service} at {started:%H:%M:%S} UTC")
        if not found:
            return Finding(True, f"none had to be: none of {', '.join(WRITERS)} has met a full disk")
        return Finding(True, f"restarted since recovery began: {', '.join(found)}")

    def healthy(self) -> Finding:
        """Every container's health check holds, the application answers, and the last backups went well."""
        sick = self._stack.unhealthy()
        if sick:
            return Finding(False, "; ".join(sick))
        answer = self._client.ask("GET", "/api/health")
        if answer.status_code != 200:
            return Finding(False, f"health check: HTTP {answer.status_code}")
        try:
            metrics = self._stack.exec("backup", _METRICS)
        except LookupError as error:
            return Finding(False, str(error))
        if metrics.exit_code != 0:
            return Finding(None, f"the backups cannot be asked: {metrics.output.strip()}")
        failed = [line for line in metrics.output.splitlines() if line.startswith("drbackup_last_run_failed")]
        bad = [line for line in failed if not line.endswith(" 0.0")]
        if bad:
            return Finding(False, f"a backup has failed: {', '.join(bad)}")
        count = len(self._stack.containers())
        return Finding(
            True, f"{count} services healthy; health check: HTTP 200; no run of {len(failed)} backups failed"
        )


def _log(container: Container, since: datetime) -> str:
    return container.logs(since=since).decode("utf-8", "replace")
