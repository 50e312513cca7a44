"""Containers: SIGKILL through the engine; the container stays down.

::

    inject: docker kill ──▶ effective: nothing runs in it ──▶ heal: docker start ──▶ healed: up and healthy

Docker takes ``docker kill`` for an operator's wish: ``restart: always`` and ``unless-stopped`` do not bring
the container back (measured, Engine 26.1). :mod:`chaos.kill_process` is the one that tests a restart policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from docker.models.containers import Container

from chaos.containers import DownFault


@dataclass
class KillContainer(DownFault):
    """Kills the container of ``service``."""

    name: ClassVar[str] = "kill-container"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The container of {self.service} is killed (docker kill) and stays down."

    def bring_down(self, container: Container) -> None:
        """Kill it."""
        container.kill()
