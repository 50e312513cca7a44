"""What has arrived, newest kept, and waiting for more."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from receiver.payloads import Notification

KEPT = 10_000
LONGEST_WAIT_S = 30.0


class Inbox:
    """Numbers notifications from 1 and keeps the newest ``kept`` of them; safe to use from many threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=kept)
        self._seq = 0
        self._arrived = threading.Condition()

    def put(self, notification: Notification) -> dict[str, Any]:
        """Keep it, and wake whoever waits."""
        with self._arrived:
            self._seq += 1
            entry = {
                "seq": self._seq,
                "channel": notification.channel,
                "received_utc": datetime.now(UTC).isoformat(),
                "status": notification.status,
                "alerts": list(notification.alerts),
                "summary": notification.summary,
            }
            self._entries.append(entry)
            self._arrived.notify_all()
            return entry

    def after(self, seq: int, wait_s: float) -> list[dict[str, Any]]:
        """What came after number ``seq``, in order; waits up to ``wait_s`` seconds for the first of it."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._seq > seq, min(max(wait_s, 0.0), LONGEST_WAIT_S))
            return [entry for entry in self._entries if entry["seq"] > seq]


class DeadMansSwitch:
    """Remembers when the alert that always fires was last heard."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard = 0
        self._last = 0.0
        self._last_utc: str | None = None

    def hear(self) -> None:
        """It has just been heard."""
        with self._lock:
            self._heard += 1
            self._last = time.monotonic()
            self._last_utc = datetime.now(UTC).isoformat()

    def state(self) -> dict[str, Any]:
        """How often it was heard, when last, and how long ago that is in seconds (null: never)."""
        with self._lock:
            age_s = round(time.monotonic() - self._last, 3) if self._heard else None
            return {"heard": self._heard, "last_utc": self._last_utc, "age_s": age_s}
