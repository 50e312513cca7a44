"""Somebody has switched the dashboard's restart policy off."""

from __future__ import annotations

import subprocess

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "steady":
        set_restart_policy(drill, "no")
    elif phase == "stopped":
        set_restart_policy(drill, "unless-stopped")


def set_restart_policy(drill: Drill, policy: str) -> None:
    name = str(drill.stack.container("dashboard").name)
    subprocess.run(["docker", "update", "--restart", policy, name], check=True, capture_output=True)
