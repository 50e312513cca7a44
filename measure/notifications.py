"""Notifications as they arrive at the far end of Alertmanager, stamped with this host's monotonic clock.

The receiver's clock is another's and only for people; a long poll returns at once when something arrives, so
the stamp here is late by a few milliseconds at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from measure.jsonl import LineWriter

_POLL_S = 0.5
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Arrival:
    """A notification. ``t`` is when it arrived, in monotonic seconds.

    :param channel: ``webhook``, ``slack`` or ``pagerduty``.
    :param status: ``firing`` or ``resolved``.
    :param received_utc: the receiver's own time, for people.
    """

    t: float
    seq: int
    channel: str
    status: str
    alerts: tuple[str, ...]
    summary: str
    received_utc: str


class Notifications:
    """A thread that follows the receiver and keeps what arrives, in a file too.

    Only what arrives after :meth:`start` counts. A receiver that is away is asked again until it is back; one
    that was started anew counts from the beginning, which is noticed, and nothing of it is missed.

    ``problem`` says why the receiver cannot be followed just now; None while it can.

    :param url: gives the receiver's present address, and is asked again after each failure: a restart of its
        container changes the published port.
    """

    def __init__(self, url: Callable[[], str], path: Path) -> None:
        self._url = url
        self._lines = LineWriter(path)
        self._client = httpx.Client(timeout=httpx.Timeout(3.0, read=_POLL_S + 3.0), trust_env=False)
        self._thread = threading.Thread(target=self._follow, name="notifications", daemon=True)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._arrivals: list[Arrival] = []
        self._after = 0
        self._newest = ""
        self._base = ""
        self.problem: str | None = None

    def start(self) -> Notifications:
        """Learn what is there already, then follow.

        :raises httpx.HTTPError: when the receiver does not answer.
        """
        self._base = self._url()
        self._after, self._newest = self._mark()
        self._thread.start()
        return self

    def arrivals(self) -> list[Arrival]:
        """What has arrived so far, in order."""
        with self._changed:
            return list(self._arrivals)

    def first(
        self, alerts: Iterable[str], channel: str, after_t: float, status: str = "firing"
    ) -> Arrival | None:
        """The first notification of any of ``alerts`` on ``channel`` that arrived after ``after_t``."""
        wanted = set(alerts)
        return next(
            (
                each
                for each in self.arrivals()
                if each.channel == channel
                and each.status == status
                and each.t > after_t
                and wanted.intersection(each.alerts)
            ),
            None,
        )

    def wait_first(
        self, alerts: Iterable[str], channel: str, after_t: float, timeout_s: float, status: str = "firing"
    ) -> Arrival | None:
        """As :meth:`first`, waiting for it up to ``timeout_s`` seconds; None when it did not arrive."""
        wanted = tuple(alerts)
        with self._changed:
            return self._changed.wait_for(lambda: self.first(wanted, channel, after_t, status), timeout_s)

    def close(self) -> None:
        """Stop following, within about half a second; idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_POLL_S + 5)
        self._client.close()
        self._lines.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                if self.problem:
                    self._base = self._url()
                    self._notice_restart()
                entries = self._ask(self._after, _POLL_S)
                self.problem = None
                self._keep(entries)
            except Exception as error:  # noqa: BLE001 - while it is away, its address and answers fail in any way
                self.problem = f"{type(error).__name__}: {error}"
                self._stop.wait(_PAUSE_S)

    def _mark(self) -> tuple[int, str]:
        """The newest notification that the receiver holds."""
        return max(((entry["seq"], entry["received_utc"]) for entry in self._ask(0, 0)), default=(0, ""))

    def _notice_restart(self) -> None:
        """A receiver that does not hold the last one we saw has forgotten everything, and counts anew."""
        held = {(entry["seq"], entry["received_utc"]) for entry in self._ask(0, 0)}
        if self._after and (self._after, self._newest) not in held:
            self._after = 0

    def _ask(self, after: int, wait: float) -> list[dict[str, Any]]:
        answer = self._client.get(f"{self._base}/notifications", params={"after": after, "wait": wait})
        answer.raise_for_status()
        entries: list[dict[str, Any]] = answer.json()
        return entries

    def _keep(self, entries: Iterable[dict[str, Any]]) -> None:
        now = time.monotonic()
        with self._changed:
            for entry in entries:
                arrival = Arrival(
                    now,
                    entry["seq"],
                    entry["channel"],
                    entry["status"],
                    tuple(entry["alerts"]),
                    entry["summary"],
                    entry["received_utc"],
                )
                self._lines.write(asdict(arrival))
                self._arrivals.append(arrival)
                self._after, self._newest = arrival.seq, arrival.received_utc
            self._changed.notify_all()

    def __enter__(self) -> Notifications:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def firing(alertmanager_url: str) -> set[str]:
    """The names of the alerts that are firing now, the dead man's switch among them.

    :raises httpx.HTTPError: when Alertmanager does not answer.
    """
    answer = httpx.get(f"{alertmanager_url}/api/v2/alerts", params={"active": "true"}, trust_env=False)
    answer.raise_for_status()
    return {alert["labels"]["alertname"] for alert in answer.json()}


def monitoring_lost(receiver_url: str) -> bool:
    """Whether the dead man's switch at the far end misses the alert that always fires.

    :raises httpx.HTTPError: when the receiver does not answer.
    """
    answer = httpx.get(f"{receiver_url}/watchdog", trust_env=False)
    answer.raise_for_status()
    return bool(answer.json()["lost"])
