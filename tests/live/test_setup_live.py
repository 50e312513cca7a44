"""scripts/setup on this machine, where everything is in place already."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.live


def run_setup() -> subprocess.CompletedProcess[str]:
    # An environment that is not there (tox has its own) is not to be made by a test.
    options = [] if (ROOT / ".venv").is_dir() else ["--no-venv"]
    return subprocess.run(
        [str(ROOT / "scripts/setup"), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_second_run_costs_less_than_five_seconds() -> None:
    first = run_setup()
    assert first.returncode == 0, first.stdout + first.stderr
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    second = run_setup()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(second.stdout.splitlines()) == 1, second.stdout
    # Of the processors: what else the machine has to do at the time is not its cost.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
