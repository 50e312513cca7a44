"""``dr chaos`` where no stack is up."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chaos.journal import Journal
from chaos.noop import Noop
from cli.chaos import app
from plan.errors import UserError
from stack.stack import Stack


def test_halt_with_nothing_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["halt", "--runs", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output == "no fault is active\n"


def test_halt_fails_when_a_fault_is_left(tmp_path: Path) -> None:
    run_dir = tmp_path / "run-1"
    run_dir.mkdir()
    Journal(run_dir).begin(Stack("run-1", run_dir), Noop(Stack("run-1", run_dir), "redis"))
    result = CliRunner().invoke(app, ["halt", "--runs", str(tmp_path)])
    assert result.exit_code == 1
    assert "run-1: not healed: Nothing is done to redis (control)." in result.output


def test_halt_of_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no run run-9"):
        CliRunner().invoke(app, ["halt", "--stack", "run-9", "--runs", str(tmp_path)], catch_exceptions=False)


def test_list_shows_faults_and_what_is_active(tmp_path: Path) -> None:
    run_dir = tmp_path / "run-1"
    run_dir.mkdir()
    (tmp_path / "latest").symlink_to("run-1")
    Journal(run_dir).begin(Stack("run-1", run_dir), Noop(Stack("run-1", run_dir), "redis"))
    result = CliRunner().invoke(app, ["list", "--runs", str(tmp_path)])
    assert result.exit_code == 0
    assert "kill-process" in result.output
    assert result.output.count("active in run-1") == 1
