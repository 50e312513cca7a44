"""What cron has, and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plan.load import load_plan
from recovery.answers import answer_of
from recovery.backup_schedule import in_a_moment, next_run, scheduled

ROOT = Path(__file__).resolve().parent.parent


def test_the_crontab_has_the_plans_line() -> None:
    backup = load_plan(ROOT / "drp.toml").backup.database
    crontab = (ROOT / "stack" / "backup" / "crontab").read_text(encoding="utf-8")
    assert scheduled(crontab, backup.command) == [backup.schedule]


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
        ("2026-11-24T17:20:56", "21 17 24 11 *"),
        ("2026-11-24T17:20:58", "22 17 24 11 *"),
        ("2026-12-31T23:59:10", "0 0 1 1 *"),
    ],
)
def test_one_run_is_due_at_the_next_minute_that_cron_can_still_read(now: str, due: str) -> None:
    assert in_a_moment(datetime.fromisoformat(f"{now}+00:00")) == due
