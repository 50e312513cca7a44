"""The boxes of DRP Scenario 1, examined on the live stack through the edge."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from docker.models.containers import Container

from plan.model import DrillSettings
from recovery.boxes import Examine, Finding
from recovery.client import Client
from recovery.database import ask_database
from stack.stack import Stack

_PLAIN_ERROR = re.compile(r"\b(ERROR|CRITICAL|FATAL|Traceback)\b")
_BAD_LEVELS = ("ERROR", "CRITICAL", "FATAL")
_WIDTH = 160


class DashboardBoxes:
    """Examines a dashboard that is recovering.

    :param since: when recovery began, in monotonic seconds: what was logged or scraped before proves nothing
        about it.
    """

    def __init__(self, stack: Stack, client: Client, settings: DrillSettings, since: float) -> None:
        self._stack = stack
        self._client = client
        self._endpoints = settings.endpoints
        self._since_utc = time.time() - (time.monotonic() - since)

    @property
    def examiners(self) -> dict[str, Examine]:
        """By the ids of the boxes."""
        return {
            "health-200": self.health,
            "all-endpoints": self.endpoints,
            "metrics-exported": self.metrics,
            "no-errors-in-logs": self.logs,
        }

    def health(self) -> Finding:
        """Health check returns 200, for a client that comes in by the edge with its API key."""
        answer = self._client.ask("GET", "/api/health")
        return Finding(
            answer.status_code == 200, f"HTTP {answer.status_code}: {answer.text.strip()[:_WIDTH]}"
        )

    def endpoints(self) -> Finding:
        """Every endpoint that the plan lists answers as a client needs it.

        The sale that is posted is there already: the endpoint goes its whole way, and nothing is sold.
        """
        sale = self._a_sale()
        good, bad = 0, []
        for endpoint in self._endpoints:
            method, _, path = endpoint.partition(" ")
            body = sale if method == "POST" else None
            try:
                answer = self._client.ask(method, path.format_map(sale), body)
            except httpx.HTTPError as error:
                bad.append(f"{endpoint}: {type(error).__name__}")
                continue
            if answer.status_code == 200 and answer.content:
                good += 1
            else:
                bad.append(f"{endpoint}: HTTP {answer.status_code}")
        return Finding(not bad, "; ".join([f"{good} of {len(self._endpoints)} endpoints answered", *bad]))

    def metrics(self) -> Finding:
        """Metrics are exported, and Prometheus has taken them since the process that serves was started."""
        answer = self._client.ask("GET", "/metrics")
        families = answer.text.count("# TYPE ") if answer.status_code == 200 else 0
        if not families:
            return Finding(False, f"GET /metrics: HTTP {answer.status_code}, no metrics")
        exported = f"{families} metrics exported"
        try:
            serves_since = self._serves_since(self._stack.container("dashboard"))
            series = self._client.series('up{job="dashboard"}[1m]')
        except (httpx.HTTPError, LookupError) as error:
            return Finding(None, f"{exported}; whether they are scraped is not known: {error}")
        scrapes = [(float(t), value) for each in series for t, value in each["values"]]
        taken = sum(value == "1" and t > serves_since for t, value in scrapes)
        if not taken:
            return Finding(False, f"{exported}; not scraped yet since the dashboard was started")
        if max(scrapes)[1] != "1":
            return Finding(False, f"{exported}; Prometheus' newest scrape of it failed")
        return Finding(True, f"{exported}; scraped {taken} times since the dashboard was started")

    def logs(self) -> Finding:
        """No errors in the logs of the process that serves now: what the outage left there is past."""
        try:
            container = self._stack.container("dashboard")
        except LookupError as error:
            return Finding(False, str(error))
        if container.status != "running":
            return Finding(False, f"the dashboard is {container.status}")
        serves_since = self._serves_since(container)
        lines = container.logs(since=serves_since).decode("utf-8", "replace").splitlines()
        errors = [line for line in lines if is_error(line)]
        started = datetime.fromtimestamp(serves_since, UTC)
        evidence = f"{len(errors)} errors in {len(lines)} lines since {started:%H:%M:%S} UTC"
        return Finding(not errors, f"{evidence}: {errors[0][:_WIDTH]}" if errors else evidence)

    def _serves_since(self, container: Container) -> float:
        """When its process was started, or recovery began if that was later; Unix time."""
        started = datetime.fromisoformat(container.attrs["State"]["StartedAt"])
        return max(self._since_utc, started.timestamp())

    def _a_sale(self) -> dict[str, Any]:
        """A sale that is in the database, whose product is there too.

        :raises psycopg.Error: when the database does not answer, or holds none.
        """
        names = ("client_id", "product_id", "quantity")
        row = ask_database(
            self._stack, "SELECT client_id, product_id, quantity FROM sales ORDER BY id LIMIT 1"
        )
        return dict(zip(names, row, strict=True))


def is_error(line: str) -> bool:
    """Whether a line of a log tells of an error: by its level when it is JSON, else by its words."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return bool(_PLAIN_ERROR.search(line))
    return isinstance(parsed, dict) and parsed.get("level") in _BAD_LEVELS
