"""Whether backups are made without anybody's hand: cron's own line, and a run that cron itself starts."""

from __future__ import annotations

import json
import time
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

from cronsim import CronSim

from recovery.answers import answer_of
from stack.stack import Stack
from stack.wait import NotReached, wait_until

SERVICE = "backup"
TEST_FILE = "/etc/cron.d/drp-drill"
STATE = "/var/lib/drbackup"
_CRON_READS_S = 3
CRON_S = 60 + _CRON_READS_S
"""Seconds until cron has begun what it is told now, at most: it looks at the clock once a minute."""


def scheduled(crontab: str, command: str) -> list[str]:
    """The schedules of the lines in a file of ``/etc/cron.d`` that run ``command``."""
    fields = [line.split() for line in crontab.splitlines() if line.strip() and not line.startswith("#")]
    return [" ".join(each[:5]) for each in fields if len(each) > 6 and each[6] == command]


def next_run(schedule: str, now: datetime | None = None) -> datetime:
    """When a schedule is due next, in UTC.

    :raises cronsim.CronSimError: when it is none.
    """
    due: datetime = next(CronSim(schedule, now or datetime.now(UTC)))
    return due


def in_a_moment(now: datetime) -> str:
    """The schedule of one run, at the next minute that begins late enough for cron to read it before."""
    due = now + timedelta(seconds=_CRON_READS_S + 60)
    return f"{due.minute} {due.hour} {due.day} {due.month} *"


@dataclass(frozen=True)
class Made:
    """What a run of cron has made."""

    good: bool
    evidence: str


class ScheduledRun:
    """A line of cron that runs ``command`` once, at the next full minute; it is there until the ``with`` block ends."""

    def __init__(self, stack: Stack, command: str) -> None:
        self._stack = stack
        self._command = command
        self._before: Set[str] = frozenset()
        self._armed = 0.0
        self._made: Made | None = None

    def __enter__(self) -> ScheduledRun:
        self._before = self._dumps()
        self._armed = time.time()
        line = f"{in_a_moment(datetime.now(UTC))} root {self._command} >>/proc/1/fd/1 2>&1"
        # Under another name first: cron reads a file as soon as it is there, whole or not.
        script = f"echo '{line}' >/etc/.drp-drill && mv /etc/.drp-drill {TEST_FILE}"
        self._exec("sh", "-c", script)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exec("rm", "-f", TEST_FILE)

    def wait(self, timeout_s: float) -> Made:
        """Wait until the run has ended, well or not, and its dump is verified; once it is known, it is told again."""
        if self._made is None:
            self._made = self._wait(timeout_s)
        return self._made

    def _wait(self, timeout_s: float) -> Made:
        try:
            ended = wait_until(
                self._ended, timeout_s=timeout_s, what="cron's run of the backups has ended", every_s=0.5
            )
        except NotReached as error:
            return Made(False, str(error))
        if not ended.good:
            return ended
        verified = self._stack.exec(
            SERVICE, ["drbackup", "verify", "--depth", "checksum", "--json"], timeout_s
        )
        found = (answer_of(verified.output) or {}).get("findings", [])
        new = [each for each in found if each["name"] in self._dumps() - self._before]
        if not new:
            return Made(False, f"no new dump was verified: {verified.output.strip()[-200:]}")
        said = "; ".join(f"{each['name']}: {each['sentence'] or 'OK'}" for each in new)
        return Made(all(each["ok"] for each in new), said)

    def _ended(self) -> Made | None:
        """How the run ended, as it is kept; None while it has not. Nothing is removed before all is well."""
        kept = self._exec("sh", "-c", f"for each in {STATE}/*.json; do cat $each; echo; done")
        statuses = [json.loads(line) for line in kept.splitlines() if line.startswith("{")]
        since = [each for each in statuses if each["finished"] >= self._armed]
        failed = [f"{each['work']}: {each['error']}" for each in since if each["error"]]
        if failed or any(each["work"] == "retention" for each in since):
            return Made(not failed, "; ".join(failed))
        return None

    def _dumps(self) -> frozenset[str]:
        """The dumps that are there with their manifests: one without is none."""
        listed = self._stack.exec(SERVICE, ["ls", "/backups/postgresql"]).output.split()
        return frozenset(name.removesuffix(".json") for name in listed if name.endswith(".sql.gz.json"))

    def _exec(self, *argv: str) -> str:
        return self._stack.exec(SERVICE, argv).output
