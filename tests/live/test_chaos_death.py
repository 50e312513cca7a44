"""Whatever becomes of the process that injects, its faults are healed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chaos.journal import Journal
from cli.chaos import app
from stack.stack import Stack
from stack.wait import wait_until
from tests.live.small_stack import small_stack

pytestmark = pytest.mark.live

# The process that dies: it pauses one service and kills another, says so, and waits for its end.
_INJECTS = """
import signal, sys
from pathlib import Path
from chaos.injector import Injector
from chaos.kill_container import KillContainer
from chaos.pause_container import PauseContainer
from chaos.watchdog import Watchdog
from stack.stack import Stack

stack = Stack.attach(Path(sys.argv[1]))
with Watchdog(stack.run_dir) as watchdog, Injector(stack, ["default"], watchdog) as injector:
    injector.inject(PauseContainer(stack, "dashboard"), 10)
    injector.inject(KillContainer(stack, "redis"), 10)
    print(watchdog.pid, flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run folders."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def stack(root: Path) -> Iterator[Stack]:
    """One stack for all of this file."""
    run_dir = root / "run"
    run_dir.mkdir()
    with small_stack(run_dir) as up:
        yield up


@contextmanager
def _injecting(stack: Stack) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with two faults in effect, and the pid of its watchdog."""
    process = subprocess.Popen(
        [sys.executable, "-c", _INJECTS, str(stack.run_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, process.stderr and process.stderr.read()
            assert stack.container("dashboard").status == "paused"
            assert stack.container("redis").status == "exited"
            yield process, int(said)
        finally:
            process.kill()


def _is_healed(stack: Stack) -> bool:
    running = all(container.status == "running" for container in stack.containers())
    return running and not Journal(stack.run_dir).unhealed()


def test_after_kill_9_the_watchdog_heals(stack: Stack) -> None:
    with _injecting(stack) as (process, _):
        process.kill()
        wait_until(lambda: _is_healed(stack), timeout_s=30, what="the watchdog has healed")
    log = stack.run_dir / "watchdog.log"
    said = "healed: The container of dashboard is frozen (docker pause)."
    wait_until(
        lambda: said in log.read_text(), timeout_s=10, what="the watchdog has said so", why_not=log.read_text
    )


def test_after_ctrl_c_at_the_terminal_it_heals_itself(stack: Stack) -> None:
    with _injecting(stack) as (process, _):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        assert _is_healed(stack)


def test_when_both_have_died_dr_chaos_halt_heals_from_the_journal(stack: Stack, root: Path) -> None:
    with _injecting(stack) as (process, watchdog):
        os.kill(watchdog, signal.SIGKILL)
        process.kill()
        process.wait()
    assert len(Journal(stack.run_dir).unhealed()) == 2
    result = CliRunner().invoke(app, ["halt", "--runs", str(root)])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "run: healed: The container of redis is killed (docker kill) and stays down.",
        "run: healed: The container of dashboard is frozen (docker pause).",
    ]
    assert _is_healed(stack)


def test_dr_chaos_inject_undoes_on_enter(stack: Stack, root: Path) -> None:
    plan = Path(__file__).resolve().parents[2] / "drp.toml"
    arguments = ["inject", "latency", "--stack", "run", "--set", "latency_ms=40", "--plan", str(plan)]
    result = CliRunner().invoke(app, [*arguments, "--runs", str(root)], input="\n", catch_exceptions=False)
    assert result.exit_code == 0
    assert "delayed by 40 ms" in result.output
    assert result.output.endswith("healed\n")
    assert _is_healed(stack)
