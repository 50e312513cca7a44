"""The HTTP side, on the standard library alone: it starts in a tenth of a second, and has nothing to break.

=====================================  ==========================================================================
``POST /webhook``, ``/slack``,         what Alertmanager sends to a webhook, to Slack, to PagerDuty
``/pagerduty``
``POST /watchdog``                     the dead man's switch; not heard for too long, it pages on all three channels
``GET /notifications?after=N&wait=S``  what came after number N, waiting up to S seconds (30 at most) for the first
``GET /watchdog``                      ``{"heard": times, "last_utc": …, "age_s": seconds or null, "lost": bool}``
``GET /health``                        ``{"status": "ok"}``
=====================================  ==========================================================================
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from receiver.inbox import Inbox
from receiver.payloads import READERS, Notification, PayloadError, read
from receiver.switch import PATIENCE_S, DeadMansSwitch

LARGEST_BODY = 1 << 20
# As the services themselves answer: PagerDuty's accepted is 202.
_ACCEPTED: dict[str, tuple[int, Any]] = {
    "/webhook": (200, {}),
    "/slack": (200, {"ok": True}),
    "/pagerduty": (202, {"status": "success", "message": "Event processed"}),
}


class Receiver(ThreadingHTTPServer):
    """Listens on ``address`` and keeps what arrives in memory.

    :param patience_s: for so many seconds the dead man's switch need not be heard.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], patience_s: float = PATIENCE_S) -> None:
        super().__init__(address, _Handler)
        self.inbox = Inbox()
        self.switch = DeadMansSwitch(self.take, patience_s)

    def take(self, notification: Notification) -> None:
        """Keep what has arrived, or what the dead man's switch says."""
        _say({"level": "INFO", "message": "notification", **self.inbox.put(notification)})


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    # An idle connection holds a thread: not for ever. Longer than the longest poll.
    timeout = 60
    # Header and body in one packet, at once: else the second waits for the first's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a question."""
        url = urlsplit(self.path)
        if url.path == "/notifications":
            query = parse_qs(url.query)
            try:
                after = int(query.get("after", ["0"])[-1])
                wait_s = float(query.get("wait", ["0"])[-1])
            except ValueError:
                self._answer(400, {"error": "after is a whole number, wait a number of seconds"})
                return
            self._answer(200, self.server.inbox.after(after, wait_s))
        elif url.path == "/watchdog":
            self._answer(200, self.server.switch.state())
        elif url.path == "/health":
            self._answer(200, {"status": "ok"})
        else:
            self._answer(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        """Take a message."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._answer(413, {"error": f"a Content-Length of at most {LARGEST_BODY} is needed"})
            return
        body = self.rfile.read(int(length))
        if self.path == "/watchdog":
            self.server.switch.hear()
            self._answer(200, {})
        elif self.path not in READERS:
            self._answer(404, {"error": "nothing is taken here"})
        else:
            self._take(body)

    def _take(self, body: bytes) -> None:
        try:
            notification = read(self.path, json.loads(body))
        except ValueError as error:
            why = str(error) if isinstance(error, PayloadError) else "it is no JSON"
            _say({"level": "ERROR", "message": "refused", "path": self.path, "error": why})
            # 400: Alertmanager does not try such a message again.
            self._answer(400, {"error": why})
            return
        self.server.take(notification)
        self._answer(*_ACCEPTED[self.path])

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what arrives is logged, not who asked."""


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
