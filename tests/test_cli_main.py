"""The ``dr`` command as an operator meets it: help, exit statuses, messages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Done:
    returncode: int | str | None
    stdout: str
    stderr: str


Dr = Callable[..., Done]


@pytest.fixture
def dr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dr:
    """Runs the command line in this process, 80 columns wide, and returns how it ended."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*args: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dr", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(ended.value.code, out, err)

    return run


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys, cli.main; "
        "print(*{'docker', 'httpx', 'psycopg', 'pydantic', 'redis', 'rich'}.intersection(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "plan"),
        (("--help",), "runbook"),
        (("plan", "--help"), "show"),
        (("runbook", "run", "--help"), "dr stack up"),
        (("runbook", "show", "--help"), "Example: dr runbook show redis-down"),
        (("backup", "--help"), "Exit status: 0 all is well"),
        (("backup", "verify", "--help"), "Example: dr backup verify --depth restore"),
        (("backup", "pitr", "--help"), "2026-11-24T11:59:30+00:00"),
    ],
)
def test_help(dr: Dr, args: tuple[str, ...], said: str) -> None:
    done = dr(*args)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_plan_is_shown_whole_at_80_columns(dr: Dr) -> None:
    done = dr("plan", "show")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "…" not in done.stdout
    for said in (
        "Dashboard API",
        "Scenario 6",
        "Test 3",
        "0 2 * * *",
        "T+15 min",
        "Director",
        "memory_critical",
    ):
        assert said in done.stdout


def test_a_good_plan_is_said_to_be_good(dr: Dr) -> None:
    done = dr("plan", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 components, 6 scenarios, 3 procedures" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("plan", "check", "--plan", "none.toml"), "the plan none.toml cannot be read"),
        (("runbook", "show", "none"), "there is no runbook 'none'"),
        (("runbook", "run", "redis-down", "--stack", "none"), "holds no stack"),
        (("backup", "run", "--stack", "none"), "holds no stack"),
        (("backup", "verify", "--dir", "none"), "is no folder"),
    ],
)
def test_a_mistake_is_answered_with_a_remedy_and_no_traceback(
    dr: Dr, args: tuple[str, ...], said: str
) -> None:
    done = dr(*args)
    assert done.returncode == 2
    assert done.stderr.startswith("dr: ")
    assert said in done.stderr
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_runbook_is_shown_with_conditions_and_departures_from_the_plan(dr: Dr) -> None:
    done = dr("runbook", "show", "redis-down")
    assert done.returncode == 0
    for said in ("flush: only when memory is critical", "$ docker restart redis", "expected: PONG", "note: "):
        assert said in done.stdout
