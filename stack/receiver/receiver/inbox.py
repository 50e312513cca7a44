"""What has arrived, newest kept, and waiting for more."""

from __future__ import annotations

import threading
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
