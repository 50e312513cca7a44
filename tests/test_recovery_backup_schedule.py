"""What cron has, and when it is due."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from drbackup import layout

from plan.load import load_plan
from recovery.answers import answer_of
from recovery.backup_schedule import (
    FOLDERS,
    ScheduledRun,
    due_alone,
    next_minute,
    next_run,
    once_at,
    scheduled,
)
from stack.execution import ExecResult
from stack.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
CRONTAB = ROOT / "stack" / "backup" / "crontab"


def test_the_crontab_has_the_plans_line() -> None:
    backup = load_plan(ROOT / "drp.toml").backup.database
    assert scheduled(CRONTAB.read_text(encoding="utf-8"), backup.command) == [backup.schedule]


@pytest.mark.parametrize(
    ("crontab", "found"),
    [
        ("# 0 2 * * * root /run/it", []),
        ("0 2 * * * root /run/something-else", []),
        ("0 2 * * * root /run/it >>/log 2>&1\n30 4 * * 0 root /run/it", ["0 2 * * *", "30 4 * * 0"]),
        ("PATH=/bin\n\n@daily root /run/it", []),
    ],
)
def test_only_lines_that_run_it_count(crontab: str, found: list[str]) -> None:
    assert scheduled(crontab, "/run/it") == found


def test_it_is_due_at_two_in_the_night() -> None:
    assert next_run("0 2 * * *", datetime(2026, 11, 24, 2, 0, tzinfo=UTC)) == datetime(
        2026, 11, 25, 2, 0, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ('progress\n{\n "a": 1\n}\nmore', {"a": 1}),
        ('{\n "a": {\n  "b": 2\n }\n}', {"a": {"b": 2}}),
        ('progress{\n "a": 1\n}progress', {"a": 1}),
        ('{\n broken\n{\n "a": 1\n}', {"a": 1}),
        ("no answer", None),
        ('{\n "a": \n}', None),
    ],
)
def test_an_answer_is_found_among_progress(output: str, answer: dict[str, object] | None) -> None:
    assert answer_of(output) == answer


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24T17:20:05", "21 17 24 11 *"),
        ("2026-11-24T17:20:54", "21 17 24 11 *"),
        ("2026-11-24T17:20:56", "22 17 24 11 *"),
        ("2026-12-31T23:59:10", "0 0 1 1 *"),
    ],
)
def test_one_run_is_due_at_the_next_minute_that_cron_can_still_read(now: str, due: str) -> None:
    assert once_at(next_minute(datetime.fromisoformat(f"{now}+00:00"))) == due


def changed(crontab: str, command: str) -> str:
    sed = ["sed", "-E", due_alone(command, "21 17 24 11 *")]
    return subprocess.run(sed, input=crontab, capture_output=True, text=True, check=True).stdout


def test_of_the_crontab_the_plans_line_alone_is_due() -> None:
    crontab = CRONTAB.read_text(encoding="utf-8")
    backup = load_plan(ROOT / "drp.toml").backup.database
    found = changed(crontab, backup.command)
    assert scheduled(found, backup.command) == ["21 17 24 11 *"]
    own = crontab.partition(backup.schedule)[2].partition("\n")[0]
    assert [line for line in found.splitlines() if not line.startswith("#")] == [f"21 17 24 11 *{own}"]


@pytest.mark.parametrize(
    ("crontab", "found"),
    [
        ("0 2 * * * nobody /run/it", "21 17 24 11 * nobody /run/it"),
        (" 0 2\t* * *  root\t/run/it -x >>/log 2>&1\n", "21 17 24 11 *  root\t/run/it -x >>/log 2>&1\n"),
        ("#0 2 * * * root /run/it\n", "#0 2 * * * root /run/it\n"),
        ("0 2 * * * root /run/it-not\n", "#0 2 * * * root /run/it-not\n"),
        ("0 2 * * * root nice /run/it\n", "#0 2 * * * root nice /run/it\n"),
        ("PATH=/bin\n@daily root /run/it\n", "PATH=/bin\n#@daily root /run/it\n"),
        ("0 2 * * * root /run/it\n*/5 * * * * root /x", "21 17 24 11 * root /run/it\n#*/5 * * * * root /x"),
    ],
    ids=["no newline", "blanks", "a comment", "another", "not itself", "others", "the last has no newline"],
)
def test_whatever_is_wrong_with_the_crontab_stays_so(crontab: str, found: str) -> None:
    assert changed(crontab, "/run/it") == found


def test_the_kinds_that_are_asked_for_are_all_there_are() -> None:
    """Every night makes each: tests/test_drbackup_verify.py."""
    assert FOLDERS == layout.FOLDERS


NEW = {
    "dump": "postgresql/minimarket_20261124_172100.sql.gz",
    "base": "base/base_20261124_172101",
    "redis": "redis/dump_1795540862.rdb",
    "config": "config/config_1795540863.tar.gz",
}
OLD = "redis/dump_1795450000.rdb"
RDB = NEW["redis"]
THERE = [*NEW.values(), *(f"{path}.json" for path in NEW.values())]
SAID = "; ".join(f"{path.partition('/')[2]}: OK" for path in NEW.values())
ALL = ("dump", "base", "redis", "config", "offsite", "retention")


class Site:
    """A backup container whose cron runs as soon as it is told to, and the vault of the other site.

    :param works: those that end, and well.
    :param in_vault: the paths of the files there; None: the container is told of no vault.
    :param made: what the run makes, with its manifests, beside what was there before.
    :param bad: the kinds whose backups are found bad.
    """

    def __init__(
        self,
        works: Collection[str],
        in_vault: Sequence[str] | None,
        made: Sequence[str] = THERE,
        bad: Collection[str] = (),
    ) -> None:
        self._works = works
        self._in_vault = in_vault
        self._made = made
        self._bad = bad
        self._ran = False

    @property
    def standby(self) -> Site:
        return self

    def exec(self, service: str, argv: Sequence[str], timeout_s: float = 10) -> ExecResult:
        match service, argv:
            case "vault", ["sh", "-c", script] if script.startswith("cd /vault && ls "):
                return ExecResult(0, "\n".join(self._in_vault or ()))
            case "backup", ["printenv", "DRBACKUP_VAULT"]:
                return ExecResult(0, "" if self._in_vault is None else "sftp://drill@toxiproxy:20022/vault\n")
            case "backup", ["sh", "-c", script] if script.startswith("cd /backups && ls "):
                there = [OLD, f"{OLD}.json", *(self._made if self._ran else ())]
                return ExecResult(2, "\n".join(["ls: cannot access 'config/*': No such file", *there]))
            case "backup", ["drbackup", "verify", *_]:
                findings = [
                    {
                        "kind": kind,
                        "name": path.partition("/")[2],
                        "ok": kind not in self._bad,
                        "sentence": "rotten" if kind in self._bad else "",
                    }
                    for kind, path in [("redis", OLD), *NEW.items()]
                ]
                return ExecResult(0, json.dumps({"findings": findings}, indent=1))
            case "backup", ["sh", "-c", script] if script.startswith("for "):
                ended = {"finished": time.time(), "error": ""}
                return ExecResult(0, "\n".join(json.dumps({"work": each, **ended}) for each in self._works))
            case "backup", ["sh", "-c", script]:
                self._ran = script.endswith("/etc/cron.d/drp-drill")
        return ExecResult(0, "")


@pytest.mark.parametrize(
    ("works", "in_vault", "good", "evidence"),
    [
        (ALL, THERE, True, f"{SAID}; in the vault too"),
        (ALL, [path for path in THERE if path != f"{RDB}.json"], False, f"{SAID}; not in the vault: {RDB}"),
        (ALL, [], False, f"{SAID}; not in the vault: {', '.join(NEW.values())}"),
        ({*ALL} - {"offsite"}, [], False, "offsite: not done, although there is a vault"),
        ({*ALL} - {"offsite"}, None, True, SAID),
    ],
    ids=["here and there", "half there", "here alone", "cron knows of no vault", "there is no vault"],
)
def test_a_run_has_made_a_backup_here_and_in_the_vault(
    works: Collection[str], in_vault: Sequence[str] | None, good: bool, evidence: str
) -> None:
    with ScheduledRun(cast(Stack, Site(works, in_vault)), "/run/it") as run:
        made = run.wait(0)
    assert (made.good, made.evidence) == (good, evidence)


@pytest.mark.parametrize("kind", NEW)
def test_a_run_that_has_made_nothing_new_of_a_kind_is_not_good(kind: str) -> None:
    """What lies there from the night before, and is found good, does not count; nor does what has no manifest."""
    made = [path for path in THERE if path != f"{NEW[kind]}.json"]
    with ScheduledRun(cast(Stack, Site(ALL, THERE, made)), "/run/it") as run:
        found = run.wait(0)
    assert not found.good
    assert found.evidence.startswith(f"no new {kind} was verified: ")


def test_one_of_any_kind_that_is_bad_is_told() -> None:
    with ScheduledRun(cast(Stack, Site(ALL, THERE, bad=["config"])), "/run/it") as run:
        found = run.wait(0)
    assert not found.good
    assert "config_1795540863.tar.gz: rotten" in found.evidence
