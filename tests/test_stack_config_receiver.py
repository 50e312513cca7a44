"""The far end of Alertmanager: messages as Alertmanager 0.28 really sends them, and a server that really listens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from receiver.inbox import Inbox
from receiver.payloads import Notification, PayloadError, read
from receiver.server import Receiver
from receiver.switch import DeadMansSwitch

SUMMARY = "Redis does not answer"
LABELS = {"alertname": "RedisDown", "component": "redis", "scenario": "3", "severity": "critical"}


def webhook(status: str = "firing") -> dict[str, Any]:
    return {
        "receiver": "on-call",
        "status": status,
        "alerts": [
            {
                "status": status,
                "labels": LABELS,
                "annotations": {"summary": SUMMARY},
                "startsAt": "2026-11-24T11:29:37.519892211Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": "d0c9bace3d9918c2",
            }
        ],
        "groupLabels": {"alertname": "RedisDown"},
        "commonLabels": LABELS,
        "commonAnnotations": {"summary": SUMMARY},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="RedisDown"}',
        "truncatedAlerts": 0,
    }


def slack(status: str = "firing") -> dict[str, Any]:
    return {
        "channel": "#incidents",
        "username": "Alertmanager",
        "attachments": [
            {
                "title": f"[{status.upper()}] RedisDown",
                "title_link": "http://alertmanager:9093/#/alerts?receiver=on-call",
                "text": SUMMARY,
                "fallback": f"[{status.upper()}:1] RedisDown (redis 3 critical)",
                "color": "danger",
                "mrkdwn_in": ["fallback", "pretext", "text"],
            }
        ],
    }


def pagerduty(status: str = "firing") -> dict[str, Any]:
    return {
        "routing_key": "drill",
        "dedup_key": "27e8e8d45377de95f511076bbdcc52db51471b718c0cc4f6cf4b17846c57023a",
        "event_action": {"firing": "trigger", "resolved": "resolve"}[status],
        "payload": {
            "summary": SUMMARY,
            "source": "Alertmanager",
            "severity": "critical",
            "component": "redis",
            "custom_details": {"alertname": "RedisDown", "num_firing": "1", "num_resolved": "0"},
        },
        "client": "Alertmanager",
        "client_url": "http://alertmanager:9093/#/alerts?receiver=on-call",
    }


MESSAGES = {"webhook": webhook, "slack": slack, "pagerduty": pagerduty}


@pytest.mark.parametrize("status", ["firing", "resolved"])
@pytest.mark.parametrize("channel", sorted(MESSAGES))
def test_a_real_message_is_understood(channel: str, status: str) -> None:
    assert read(f"/{channel}", MESSAGES[channel](status)) == Notification(
        channel, status, ("RedisDown",), SUMMARY
    )


def test_a_webhook_names_each_alert_once() -> None:
    body = webhook()
    body["alerts"] = [{"labels": {"alertname": name}} for name in ("B", "A", "B")]
    assert read("/webhook", body).alerts == ("A", "B")


def test_alertmanagers_own_title_for_slack_is_understood_too() -> None:
    body = slack()
    body["attachments"][0] |= {"title": "[FIRING:2] RedisDown (redis 3 critical)", "text": ""}
    found = read("/slack", body)
    assert (found.status, found.alerts) == ("firing", ("RedisDown",))
    assert found.summary == body["attachments"][0]["fallback"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/webhook", {}),
        ("/webhook", []),
        ("/webhook", None),
        ("/webhook", {**webhook(), "status": "maybe"}),
        ("/webhook", {**webhook(), "alerts": []}),
        ("/webhook", {**webhook(), "alerts": [{"labels": {}}]}),
        ("/slack", {"attachments": []}),
        ("/slack", {"attachments": [{"title": "RedisDown"}]}),
        ("/slack", {"attachments": [{"title": None}]}),
        ("/pagerduty", {**pagerduty(), "event_action": "acknowledge"}),
        ("/pagerduty", {**pagerduty(), "routing_key": ""}),
        ("/pagerduty", {**pagerduty(), "payload": "RedisDown"}),
        ("/pagerduty", {**pagerduty(), "payload": {**pagerduty()["payload"], "source": ""}}),
    ],
)
def test_what_its_channel_would_refuse_is_refused(path: str, body: object) -> None:
    with pytest.raises(PayloadError):
        read(path, body)


def test_the_inbox_keeps_the_newest_and_goes_on_counting() -> None:
    inbox = Inbox(kept=3)
    for name in "abcde":
        inbox.put(Notification("webhook", "firing", (name,), ""))
    assert [(entry["seq"], entry["alerts"]) for entry in inbox.after(0, 0)] == [
        (3, ["c"]),
        (4, ["d"]),
        (5, ["e"]),
    ]
    assert [entry["seq"] for entry in inbox.after(4, 5)] == [5]
    assert inbox.after(5, 0) == []


@pytest.fixture
def receiver() -> Iterator[httpx.Client]:
    """A client of a receiver that listens on a free port."""
    with Receiver(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
            yield client
        server.shutdown()
        thread.join()


def test_what_arrives_on_each_channel_can_be_asked_for(receiver: httpx.Client) -> None:
    statuses = {name: receiver.post(f"/{name}", json=make()).status_code for name, make in MESSAGES.items()}
    assert statuses == {"webhook": 200, "slack": 200, "pagerduty": 202}
    entries = receiver.get("/notifications").json()
    assert [(entry["seq"], entry["channel"]) for entry in entries] == [
        (1, "webhook"),
        (2, "slack"),
        (3, "pagerduty"),
    ]
    for entry in entries:
        assert set(entry) == {"seq", "channel", "received_utc", "status", "alerts", "summary"}
        assert (entry["status"], entry["alerts"], entry["summary"]) == ("firing", ["RedisDown"], SUMMARY)
    assert [entry["seq"] for entry in receiver.get("/notifications?after=2").json()] == [3]


def test_whoever_waits_is_told_at_once(receiver: httpx.Client) -> None:
    def ring() -> None:
        sent.append(time.monotonic())
        httpx.post(f"{receiver.base_url}/pagerduty", json=pagerduty(), trust_env=False)

    sent: list[float] = []
    thread = threading.Timer(0.2, ring)  # by then the poll is there
    thread.start()
    found = receiver.get("/notifications?after=0&wait=4").json()
    heard = time.monotonic()
    thread.join()
    assert [entry["channel"] for entry in found] == ["pagerduty"]
    assert heard - sent[0] < 1


def test_whoever_waits_in_vain_is_told_so_in_time(receiver: httpx.Client) -> None:
    began = time.monotonic()
    assert receiver.get("/notifications?after=0&wait=0.2").json() == []
    assert 0.15 < time.monotonic() - began < 2


def test_the_dead_mans_switch_is_heard_and_is_no_notification(receiver: httpx.Client) -> None:
    assert receiver.get("/watchdog").json() == {"heard": 0, "last_utc": None, "age_s": None, "lost": False}
    receiver.post("/watchdog", json=webhook()).raise_for_status()
    state = receiver.get("/watchdog").json()
    assert (state["heard"], state["lost"]) == (1, False)
    assert 0 <= state["age_s"] < 2
    assert receiver.get("/notifications").json() == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/pagerduty", b"no JSON", 400),
        ("POST", "/pagerduty", json.dumps(slack()).encode(), 400),
        ("POST", "/pager", b"{}", 404),
        ("GET", "/notifications?after=last", b"", 400),
        ("GET", "/notifications?wait=long", b"", 400),
        ("GET", "/", b"", 404),
        ("GET", "/health", b"", 200),
    ],
)
def test_other_requests_are_answered_for_what_they_are(
    receiver: httpx.Client, method: str, path: str, content: bytes, status: int
) -> None:
    answer = receiver.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.json()
    assert receiver.get("/notifications").json() == []


def test_a_body_of_unknown_length_is_not_read(receiver: httpx.Client) -> None:
    assert receiver.post("/webhook", content=iter([b"{}"])).status_code == 413


PATIENCE_S = 0.3


def test_who_has_never_been_heard_is_not_missed() -> None:
    inbox = Inbox()
    with DeadMansSwitch(inbox.put, 0.05) as switch:
        assert inbox.after(0, 0.3) == []
        assert switch.state()["lost"] is False


def test_who_falls_silent_is_missed_once_on_every_channel_and_not_before_his_time() -> None:
    inbox = Inbox()
    with DeadMansSwitch(inbox.put, PATIENCE_S) as switch:
        for _ in range(4):
            last = time.monotonic()
            switch.hear()
            if inbox.after(0, PATIENCE_S / 3):
                break  # this machine stood still for that long
        assert inbox.after(0, 5)[0]["status"] == "firing"
        assert time.monotonic() - last >= PATIENCE_S
        assert inbox.after(3, 3 * PATIENCE_S) == []
        assert [entry["channel"] for entry in inbox.after(0, 0)] == ["webhook", "slack", "pagerduty"]
        assert switch.state()["lost"] is True


def test_who_is_heard_again_is_missed_no_more_and_may_fall_silent_again() -> None:
    inbox = Inbox()
    with DeadMansSwitch(inbox.put, PATIENCE_S) as switch:
        switch.hear()
        inbox.after(0, 5)
        switch.hear()
        assert switch.state()["lost"] is False
        statuses = [entry["status"] for entry in inbox.after(0, 0)]
        assert statuses == ["firing"] * 3 + ["resolved"] * 3
        assert inbox.after(6, 5)[0]["status"] == "firing"


def test_the_switch_pages_where_a_pager_listens() -> None:
    with Receiver(("127.0.0.1", 0), patience_s=0.05) as server, server.switch:
        server.switch.hear()
        entries = server.inbox.after(0, 5)
    assert (entries[0]["alerts"], entries[0]["status"]) == (["MonitoringLost"], "firing")
