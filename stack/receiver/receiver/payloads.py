"""What Alertmanager sends, read as Slack, PagerDuty and a webhook's owner would read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Our route's title, and Alertmanager's own default: "[FIRING:1] DashboardDown (critical)".
_SLACK_TITLE = re.compile(r"\s*\[(firing|resolved)(?::\d+)?\]\s+(\S+)", re.IGNORECASE)
_PAGERDUTY_STATUS = {"trigger": "firing", "resolve": "resolved"}


class PayloadError(ValueError):
    """A message that is not what its channel takes."""


@dataclass(frozen=True)
class Notification:
    """What a message says. ``status`` is ``firing`` or ``resolved``, ``alerts`` are the alerts' names."""

    channel: str
    status: str
    alerts: tuple[str, ...]
    summary: str


def webhook(body: Mapping[str, Any]) -> Notification:
    """Alertmanager's own format, version 4 (Alertmanager manual, "webhook_config").

    :raises PayloadError: when it is not.
    """
    status = body["status"]
    if status not in ("firing", "resolved"):
        raise PayloadError(f"status is {status!r}")
    alerts = tuple(sorted({str(alert["labels"]["alertname"]) for alert in body["alerts"]}))
    if not alerts:
        raise PayloadError("there are no alerts in it")
    return Notification("webhook", status, alerts, str(body.get("commonAnnotations", {}).get("summary", "")))


def slack(body: Mapping[str, Any]) -> Notification:
    """A Slack message with one attachment, whose title names status and alert (Slack API, "Attachments").

    :raises PayloadError: when it is none.
    """
    attachment = body["attachments"][0]
    title = _SLACK_TITLE.match(attachment["title"])
    if title is None:
        raise PayloadError(f"the title is {attachment['title']!r}, not '[FIRING] alert'")
    summary = attachment.get("text") or attachment.get("fallback") or ""
    return Notification("slack", title[1].lower(), (title[2],), str(summary))


def pagerduty(body: Mapping[str, Any]) -> Notification:
    """An event of PagerDuty's Events API v2; which alert it is about stands in the details.

    :raises PayloadError: when it is none.
    """
    status = _PAGERDUTY_STATUS.get(body["event_action"])
    if status is None:
        raise PayloadError(f"event_action is {body['event_action']!r}, neither trigger nor resolve")
    if not body["routing_key"] or not body["dedup_key"]:
        raise PayloadError("routing_key or dedup_key is empty")
    payload = body["payload"]
    for needed in ("summary", "source", "severity"):
        if not payload[needed]:
            raise PayloadError(f"payload.{needed} is empty")
    alert = str(payload["custom_details"]["alertname"])
    return Notification("pagerduty", status, (alert,), str(payload["summary"]))


READERS: Mapping[str, Callable[[Mapping[str, Any]], Notification]] = {
    "/webhook": webhook,
    "/slack": slack,
    "/pagerduty": pagerduty,
}


def read(path: str, body: Any) -> Notification:
    """Read what was sent to ``path``.

    :raises KeyError: when nothing is taken there.
    :raises PayloadError: when the message is not what that channel takes, saying why.
    """
    reader = READERS[path]
    try:
        return reader(body)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise PayloadError(f"something is missing or of the wrong kind: {error!r}") from error
