"""The way between the sites is cut, and has been for longer than the RPO when the disaster comes."""

from __future__ import annotations

import httpx

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "steady":
        proxies = drill.stack.url("toxiproxy", 8474)
        for name in ("wan-postgres", "wan-vault"):
            cut = httpx.post(f"{proxies}/proxies/{name}", json={"enabled": False}, timeout=5)
            cut.raise_for_status()
