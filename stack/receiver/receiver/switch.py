"""The dead man's switch: whoever is to tell of everything else is missed when he no longer says anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from receiver.payloads import Notification

ALERT = "MonitoringLost"
CHANNELS = ("webhook", "slack", "pagerduty")
PATIENCE_S = 9.0
"""Three of the messages that Alertmanager sends every 3 s."""


class DeadMansSwitch:
    """Pages on all channels when the alert that always fires is no longer heard, and when it is heard again.

    Before it has been heard for the first time nobody is missed: there may be no monitoring yet.

    :param tell: takes each page.
    :param patience_s: for so many seconds nothing may be heard.
    """

    def __init__(self, tell: Callable[[Notification], object], patience_s: float = PATIENCE_S) -> None:
        self._tell = tell
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._heard = 0
        self._last = 0.0
        self._last_utc: str | None = None
        self._lost = False
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="dead-mans-switch", daemon=True)

    def hear(self) -> None:
        """It has just been heard."""
        with self._changed:
            self._heard += 1
            self._last = time.monotonic()
            self._last_utc = datetime.now(UTC).isoformat()
            if self._lost:
                self._lost = False
                self._page("resolved", "Monitoring is heard again")
            self._changed.notify_all()

    def state(self) -> dict[str, Any]:
        """How often it was heard, when last, how long ago in seconds (null: never), whether it is missed."""
        with self._changed:
            age_s = round(time.monotonic() - self._last, 3) if self._heard else None
            return {"heard": self._heard, "last_utc": self._last_utc, "age_s": age_s, "lost": self._lost}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._last + self._patience_s - time.monotonic()
                if not self._heard or self._lost:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    self._lost = True
                    self._page("firing", f"Monitoring has not been heard for {self._patience_s:g} s")

    def _page(self, status: str, summary: str) -> None:
        for channel in CHANNELS:
            self._tell(Notification(channel, status, (ALERT,), summary))
