"""What make and CI make of an exit status: nothing is skipped, and no failure is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]


def stand_in(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder}/bin:/usr/local/bin:/usr/bin:/bin"
    return subprocess.run(
        command, cwd=folder, env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    stand_in(tmp_path / "scripts/setup", "exit ${SETUP:-0}")
    return tmp_path


# pytest exits 5 when it found no test.
@pytest.mark.parametrize(
    ("fast", "live", "passed"),
    [(0, 0, True), (1, 0, False), (0, 1, False), (5, 0, True), (0, 5, True), (5, 1, False), (5, 5, False)],
)
def test_both_kinds_of_tests_run_and_either_can_fail(
    checkout: Path, fast: int, live: int, passed: bool
) -> None:
    stand_in(
        checkout / ".venv/bin/pytest",
        f'echo "$3"; [ "$3" = "live and not sabotage" ] && exit {live}; exit {fast}',
    )
    done = run(checkout, "make", "-s", "test")
    assert done.stdout.splitlines() == ["not live and not sabotage", "live and not sabotage"]
    assert (done.returncode == 0) is passed


@pytest.mark.parametrize("target", ["drill", "test", "sabotage"])
def test_nothing_runs_when_the_set_up_fails(checkout: Path, target: str) -> None:
    stand_in(checkout / "scripts/setup", "exit 1")
    stand_in(checkout / ".venv/bin/pytest", "echo ran")
    done = run(checkout, "make", "-s", target)
    assert done.returncode != 0
    assert "ran" not in done.stdout


def test_options_reach_pytest(checkout: Path) -> None:
    stand_in(checkout / ".venv/bin/pytest", 'echo "$*"')
    assert run(checkout, "make", "-s", "drill", "ARGS=-k redis").stdout == "-m monthly_drill -k redis\n"


@pytest.mark.parametrize("failing", ["test", "drill", "sabotage", None])
def test_ci_runs_all_three_and_fails_if_one_does(tmp_path: Path, failing: str | None) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    stand_in(tmp_path / "bin/make", f'[ "$2" != "{failing}" ]')
    done = run(tmp_path, ".ci/run")
    outcomes = dict(line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("make "))
    assert outcomes == {
        name: "failed" if name == failing else "passed" for name in ("test", "drill", "sabotage")
    }
    assert done.returncode == (1 if failing else 0)
