"""Monitoring's configuration, checked by the programs that read it; its rules, unit-tested by Prometheus' own tool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

MONITORING = Path(__file__).parent.parent.parent / "stack" / "monitoring"
UNIT_TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("image", "command"),
    [
        (
            "prometheus",
            ["promtool", "check", "config", "--lint=all", "--lint-fatal", "/etc/prometheus/prometheus.yml"],
        ),
        (
            "prometheus",
            ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "/etc/prometheus/rules.yml"],
        ),
        ("prometheus", ["promtool", "test", "rules", "/tests/rules.test.yml", "/tests/rules-days.test.yml"]),
        ("alertmanager", ["amtool", "check-config", "/etc/prometheus/alertmanager.yml"]),
    ],
    ids=["config", "rules", "unit-tests", "alertmanager"],
)
def test_it_is_right(image: str, command: list[str]) -> None:
    mounts = {MONITORING: "/etc/prometheus", UNIT_TESTS: "/tests"}
    binds = [argument for source, target in mounts.items() for argument in ("-v", f"{source}:{target}:ro")]
    done = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--network=none",
            *binds,
            f"--entrypoint={command[0]}",
            f"dr-drill/{image}",
            *command[1:],
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
