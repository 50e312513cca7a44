"""scripts/setup on this machine, where everything is in place already."""

from __future__ import annotations

import subprocess
import time
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
    began = time.monotonic()
    second = run_setup()
    took_s = time.monotonic() - began
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(second.stdout.splitlines()) == 1, second.stdout
    assert took_s < 5
