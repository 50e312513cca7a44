"""What the terminal shows at the end of a run, and while a drill runs."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from reports import terminal
from reports.live import Progress
from reports.record import Cleanup
from tests.sample_record import SCRIPTS, sample


def _shown(folder: Path, width: int, **changes: object) -> list[str]:
    record = sample(folder).model_copy(update=changes)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    terminal.show(console, record, Path("reports/out/d20261102t0200-3f9a/report.html"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_and_tells_everything(tmp_path: Path, width: int) -> None:
    lines = _shown(tmp_path, width)
    text = " ".join(" ".join(lines).split())
    assert max(len(line.rstrip()) for line in lines) <= width
    for told in (
        "✓ PASS",
        "✗ FAIL",
        "⊘ INVALID",
        "34.12 s / 30 s",
        "0 s / none",
        "3 of 6 drills passed in 3 min",
    ):
        assert told in text
    for word in ("the fault had", "failover SLA", "Container"):
        assert word in text
    assert lines[-1] == "Report: reports/out/d20261102t0200-3f9a/report.html"
    assert "\x1b" not in text


def test_what_else_is_wrong_is_said(tmp_path: Path) -> None:
    text = " ".join(
        _shown(
            tmp_path, 80, status="interrupted", problem="X-API-Key: k", cleanup=Cleanup(left=["net x"]),
            drills_planned=[*(script.id for script in SCRIPTS), "scenario-9/x"],
        )
    )  # fmt: skip
    for told in (
        "not reached: scenario-9/x",
        "problem: X-API-Key: ***",
        "left behind: net x",
        "interrupted",
    ):
        assert told in text


def test_run_without_drills(tmp_path: Path) -> None:
    text = "\n".join(_shown(tmp_path, 80, drills=[], drills_planned=[]))
    assert "0 of 0 drills passed" in text


def test_plain_lines_come_with_news_and_a_heartbeat() -> None:
    file = io.StringIO()
    with Progress(Console(file=file, width=40), "Redis killed", 300, heartbeat_s=0.05) as progress:
        progress.phase("steady state")
        progress.phase("detect")
        progress.fault_effective(time.monotonic())
        progress.fact("alert RedisDown after 4.2 s")
        deadline = time.monotonic() + 5
        while file.getvalue().count("RedisDown") < 3 and time.monotonic() < deadline:
            time.sleep(0.01)  # the heartbeat is the thing under test
    lines = file.getvalue().splitlines()
    assert lines[0] == "Redis killed · steady state · 0 s"
    assert any("T0 + 0.0 s of 5 min RTO · alert RedisDown after 4.2 s" in line for line in lines)
    assert file.getvalue().count("RedisDown") >= 3
    assert "\x1b" not in file.getvalue()


def test_clock_stops_when_recovered_and_says_over() -> None:
    progress = Progress(Console(file=io.StringIO()), "x", 2)
    now = time.monotonic()
    progress.fault_effective(now - 10)
    assert "OVER" in progress.line()
    progress.recovered(now - 8.5)
    assert "T0 + 1.5 s of 2 s RTO" in progress.line()
    assert "OVER" not in progress.line()


def test_one_line_is_redrawn_on_a_terminal() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, height=10)
    with Progress(console, "Redis killed", None) as progress:
        progress.phase("a phase with a name that is too long for the width of this terminal")
    assert "Redis killed" in file.getvalue()
    assert "\x1b[2K" in file.getvalue()


_CONFTEST = """
import pytest
from reports import terminal
from reports.live import Progress

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.console = terminal.console()

@pytest.fixture
def progress(request):
    with Progress(request.config.console, "a drill", 30) as progress:
        yield progress
"""


def test_console_reaches_the_terminal_while_pytest_captures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_it.py").write_text("def test_it(progress):\n    progress.phase('recover')\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    piped = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert "a drill · recover · 0 s" in piped.stdout
    assert _on_a_terminal(command, environment).count("a drill · recover") >= 1


def _on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end is closed: how a pty says that it is over
            break
        if not chunk:
            break
        output += chunk
    os.close(ours)
    assert process.wait(60) == 0
    return output.decode()
