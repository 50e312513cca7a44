"""Following a receiver: a small real one, that can be away, and can forget."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from measure.notifications import Notifications, firing
from stack.wait import wait_until


class Receiver(ThreadingHTTPServer):
    """Long-polls like the suite's receiver; ``alerts`` is what Alertmanager's API would say."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.away = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ring(self, name: str, channel: str = "pagerduty", status: str = "firing") -> None:
        with self.changed:
            utc = datetime.now(UTC).isoformat()
            entry = {"seq": len(self.kept) + 1, "channel": channel, "received_utc": utc, "status": status}
            self.kept.append({**entry, "alerts": [name], "summary": f"{name}!"})
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is the test's own output."""

    def do_GET(self) -> None:
        server = self.server
        query = parse_qs(urlsplit(self.path).query)
        if server.away:
            self.send_error(503)
            return
        if self.path.startswith("/api/v2/alerts"):
            found = server.alerts
        else:
            after, wait = int(query["after"][0]), float(query["wait"][0])
            with server.changed:
                server.changed.wait_for(lambda: any(each["seq"] > after for each in server.kept), wait)
                found = [each for each in server.kept if each["seq"] > after]
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_only_what_arrives_from_now_on_counts(receiver: Receiver, tmp_path: Path) -> None:
    receiver.ring("RedisDown")
    path = tmp_path / "notifications.jsonl"
    with Notifications(lambda: receiver.url, path) as notifications:
        began = time.monotonic()
        assert notifications.first(["RedisDown"], "pagerduty", 0.0) is None
        receiver.ring("RedisDown", channel="slack")
        receiver.ring("RedisDown", status="resolved")
        receiver.ring("Watchdog")
        receiver.ring("DashboardDown")
        rang = time.monotonic()
        found = notifications.wait_first(["RedisDown", "DashboardDown"], "pagerduty", began, 5.0)
        assert found is not None
        assert (found.alerts, found.summary) == (("DashboardDown",), "DashboardDown!")
        assert 0 <= found.t - began < 1
        assert found.t - rang < 0.5
        assert notifications.first(["DashboardDown"], "pagerduty", found.t) is None
        resolved = notifications.wait_first(["RedisDown"], "pagerduty", 0.0, 1.0, status="resolved")
        assert resolved is not None
        assert resolved.seq == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["seq"] for line in lines] == [2, 3, 4, 5]
    assert lines[3]["alerts"] == ["DashboardDown"]


def test_what_never_arrives_is_waited_for_no_longer(receiver: Receiver, tmp_path: Path) -> None:
    with Notifications(lambda: receiver.url, tmp_path / "n.jsonl") as notifications:
        began = time.monotonic()
        assert notifications.wait_first(["RedisDown"], "pagerduty", 0.0, 0.2) is None
        assert time.monotonic() - began < 1


def test_a_receiver_that_was_away_is_found_again(receiver: Receiver, tmp_path: Path) -> None:
    with Notifications(lambda: receiver.url, tmp_path / "n.jsonl") as notifications:
        receiver.ring("DashboardDown")
        assert notifications.wait_first(["DashboardDown"], "pagerduty", 0.0, 5.0)
        receiver.away = True
        wait_until(lambda: notifications.problem, timeout_s=5, what="the failure to be noticed")
        receiver.ring("RedisDown")
        receiver.away = False
        assert notifications.wait_first(["RedisDown"], "pagerduty", 0.0, 5.0)
        assert notifications.problem is None
        assert len(notifications.arrivals()) == 2


def test_a_receiver_that_has_forgotten_everything_is_noticed(receiver: Receiver, tmp_path: Path) -> None:
    with Notifications(lambda: receiver.url, tmp_path / "n.jsonl") as notifications:
        receiver.ring("DashboardDown")
        assert notifications.wait_first(["DashboardDown"], "pagerduty", 0.0, 5.0)
        receiver.away = True
        wait_until(lambda: notifications.problem, timeout_s=5, what="the failure to be noticed")
        receiver.kept.clear()
        receiver.ring("RedisDown")
        receiver.ring("CacheDegraded")
        receiver.away = False
        assert notifications.wait_first(["CacheDegraded"], "pagerduty", 0.0, 5.0)
        assert [each.alerts[0] for each in notifications.arrivals()] == [
            "DashboardDown",
            "RedisDown",
            "CacheDegraded",
        ]


def test_what_is_firing_already(receiver: Receiver) -> None:
    receiver.alerts = [{"labels": {"alertname": "Watchdog"}}, {"labels": {"alertname": "RedisDown"}}]
    assert firing(receiver.url) == {"Watchdog", "RedisDown"}
