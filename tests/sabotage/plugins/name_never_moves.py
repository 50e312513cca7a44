"""The name server says that it has moved the name, and goes on sending clients to the dead site."""

from __future__ import annotations

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "effective":
        script = "printf '#!/bin/sh\\necho moved\\n' >/usr/local/bin/point-to"
        drill.stack.exec("dns", ["sh", "-c", script], user="root")
