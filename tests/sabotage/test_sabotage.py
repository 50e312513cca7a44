"""Each saboteur must turn its drill red, for the right reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reports.record import Record
from stack.stack import COMPOSE_FILE, Stack
from tests.sabotage.saboteurs import SABOTEURS, Saboteur

ROOT = COMPOSE_FILE.parent
ROTTEN = ROOT / "tests" / "sabotage" / "rotten.compose.yml"
TIMEOUT_S = 300


@pytest.mark.sabotage
@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda saboteur: saboteur.name)
def test_saboteur_is_noticed(saboteur: Saboteur, victim: Stack, tmp_path: Path) -> None:
    with spoiled(victim, saboteur):
        plugin = [] if saboteur.rotten else ["-p", f"tests.sabotage.plugins.{saboteur.name}"]
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-m", "monthly_drill", "-k", saboteur.drill, *plugin,
                "--reuse-stack", str(victim.run_dir), "--reports-dir", str(tmp_path),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
    record = Record.load(tmp_path / "latest")
    assert len(record.drills) == 1, done.stdout
    drill = record.drills[0]
    told = "\n".join(drill.reasons)
    assert re.fullmatch(saboteur.verdict, drill.verdict), f"{drill.verdict}: {told}"
    assert re.search(saboteur.reason, told), told
    assert done.returncode == 1, done.stdout


@contextmanager
def spoiled(stack: Stack, saboteur: Saboteur) -> Iterator[None]:
    """The stack with a rotten dashboard, where the saboteur is one; a good stack again afterwards."""
    if saboteur.rotten:
        rotten = replace(stack, files=(*stack.files, ROTTEN))
        rotten.compose("up", "--detach", "--wait", "--no-deps", "dashboard", env={"ROTTEN": saboteur.name})
    try:
        yield
    finally:
        for volume in stack.docker.volumes.list(filters={"name": "forgotten"}):
            if volume.attrs["Labels"].items() >= stack.labels.items():
                volume.remove()
        stack.exec("redis", ["redis-cli", "FLUSHALL"])  # a rotten dashboard's keys would outlive it
        stack.compose("up", "--detach", "--wait", "--no-deps", "--force-recreate", "dashboard", "redis")
