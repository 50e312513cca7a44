"""Whether backups are made without anybody's hand: cron's own line, and a run that cron itself starts."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

from cronsim import CronSim

from recovery.answers import answer_of
from stack.stack import Stack
from stack.wait import NotReached, wait_until

SERVICE = "backup"
CRONTAB = "/etc/cron.d/drp"
TEST_FILE = f"{CRONTAB}-drill"
STATE = "/var/lib/drbackup"
FOLDERS = {"dump": "postgresql", "base": "base", "redis": "redis", "config": "config"}
"""Where each kind of backup lies that every night makes, here and in the vault."""
_CRON_READS_S = 5
_AT_IT = "[d]rbackup nightly"  # not whoever looks for it
_BEGINS_S = 20.0  # after the minute in which it is due


def scheduled(crontab: str, command: str) -> list[str]:
    """The schedules of the lines in a file of ``/etc/cron.d`` that run ``command``."""
    fields = [line.split() for line in crontab.splitlines() if line.strip() and not line.startswith("#")]
    return [" ".join(each[:5]) for each in fields if len(each) > 6 and each[6] == command]


def next_run(schedule: str, now: datetime) -> datetime:
    """When a schedule is due next after ``now``, in the same time zone.

    :raises cronsim.CronSimError: when it is none.
    """
    due: datetime = next(CronSim(schedule, now))
    return due


def next_minute(now: datetime) -> datetime:
    """The next minute that begins late enough for cron to read before what is due in it."""
    return (now + timedelta(seconds=_CRON_READS_S + 60)).replace(second=0, microsecond=0)


def once_at(due: datetime) -> str:
    """The schedule of one run, in that minute."""
    return f"{due.minute} {due.hour} {due.day} {due.month} *"


def due_alone(command: str, schedule: str) -> str:
    """What ``sed -E`` does to a file of ``/etc/cron.d`` so that the line of ``command`` alone is due, by ``schedule``.

    All else stays as it is: who runs it, where its output goes, and whatever is wrong with the file.
    """
    gap, field = "[[:space:]]+", "[^[:space:]]+"
    old = f"^[[:space:]]*[^#[:space:]][^[:space:]]*({gap}{field}){{4}}"
    line = f"s,{old}({gap}{field}{gap}{re.escape(command)}([[:space:]]|$)),{schedule}\\2,"
    return f"{line}\nt\ns/^[[:space:]]*[0-9*@]/#&/"


def _path(kind: str, name: str) -> str:
    """Where a backup lies below the root of the backups; empty when it is of no such kind."""
    return f"{FOLDERS[kind]}/{name}" if kind in FOLDERS else ""


def _list(root: str) -> list[str]:
    """The command that prints what lies in the folders of the backups below ``root``, a path below it a line."""
    return ["sh", "-c", f"cd {root} && ls -d {' '.join(f'{folder}/*' for folder in FOLDERS.values())}"]


@dataclass(frozen=True)
class Made:
    """What a run of cron has made."""

    good: bool
    evidence: str


class ScheduledRun:
    """Cron's own line of ``command``, due once at the next full minute; it is there until the ``with`` block ends.

    It is a copy, whose owner, mode, user and last newline are the original's: a file that cron ignores has no run.
    """

    def __init__(self, stack: Stack, command: str) -> None:
        self._stack = stack
        self._command = command
        self._before: Set[str] = frozenset()
        self._armed = 0.0
        self._due = 0.0
        self._made: Made | None = None

    def __enter__(self) -> ScheduledRun:
        self._before = self._backups()
        self._armed = time.time()
        due = next_minute(datetime.now(UTC))
        self._due = due.timestamp()
        change = shlex.quote(due_alone(self._command, once_at(due)))
        # Under another name first: cron reads a file as soon as it is there, whole or not.
        new = "/etc/.drp-drill"
        script = f"cp -p {CRONTAB} {new} && sed -E {change} {CRONTAB} >{new} && mv {new} {TEST_FILE}"
        self._exec("sh", "-c", script)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exec("rm", "-f", TEST_FILE)

    def wait(self, timeout_s: float) -> Made:
        """Wait until the run has ended, well or not, and what it made of each kind is verified here and in the vault.

        Once it is known, it is told again.

        :param timeout_s: seconds that it may take, from its beginning on; that is waited for as well.
        :raises LookupError: when there is no vault, and the backups are to go there.
        """
        if self._made is None:
            self._made = self._wait(timeout_s)
        return self._made

    def _wait(self, timeout_s: float) -> Made:
        begins_s = max(0.0, self._due + _BEGINS_S - time.time())
        try:
            wait_until(
                self._begun, timeout_s=begins_s, what="cron has begun to make the backups", every_s=0.5
            )
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
        made = self._backups() - self._before
        new = {path: each for each in found if (path := _path(each["kind"], each["name"])) in made}
        if lacking := [kind for kind in FOLDERS if kind not in {each["kind"] for each in new.values()}]:
            return Made(False, f"no new {', '.join(lacking)} was verified: {verified.output.strip()[-200:]}")
        said = "; ".join(f"{each['name']}: {each['sentence'] or 'OK'}" for each in new.values())
        good = all(each["ok"] for each in new.values())
        if self._has_vault():
            missing = self._not_in_vault(new)
            good = good and not missing
            said += f"; not in the vault: {', '.join(missing)}" if missing else "; in the vault too"
        return Made(good, said)

    def _begun(self) -> bool:
        """Whether it is at it, or has ended: a look may come too late to see it."""
        return bool(self._exec("pgrep", "-f", _AT_IT)) or self._ended() is not None

    def _ended(self) -> Made | None:
        """How the run ended, as it is kept; None while it has not. Nothing is removed before all is well."""
        kept = self._exec("sh", "-c", f"for each in {STATE}/*.json; do cat $each; echo; done")
        statuses = [json.loads(line) for line in kept.splitlines() if line.startswith("{")]
        since = [each for each in statuses if each["finished"] >= self._armed]
        failed = [f"{each['work']}: {each['error']}" for each in since if each["error"]]
        works = {each["work"] for each in since}
        if not failed and "retention" not in works:
            return None
        # Jobs of cron do not have the container's environment, in which the vault is named.
        if not failed and "offsite" not in works and self._has_vault():
            failed = ["offsite: not done, although there is a vault"]
        return Made(not failed, "; ".join(failed))

    def _has_vault(self) -> bool:
        return bool(self._exec("printenv", "DRBACKUP_VAULT").strip())

    def _not_in_vault(self, paths: Iterable[str]) -> list[str]:
        """Those that are not there with their manifests."""
        there = set(self._stack.standby.exec("vault", _list("/vault")).output.splitlines())
        return [path for path in paths if not {path, f"{path}.json"} <= there]

    def _backups(self) -> frozenset[str]:
        """Those that are there with their manifests: one without is none."""
        there = set(self._stack.exec(SERVICE, _list("/backups")).output.splitlines())
        return frozenset(path for path in there if f"{path}.json" in there)

    def _exec(self, *argv: str) -> str:
        return self._stack.exec(SERVICE, argv).output
