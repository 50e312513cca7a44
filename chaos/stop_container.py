"""Containers: an orderly stop (SIGTERM, then SIGKILL after the service's grace period); it stays down.

::

    inject: docker stop ──▶ effective: nothing runs in it ──▶ heal: docker start ──▶ healed: up and healthy
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from docker.models.containers import Container

from chaos.containers import DownFault


@dataclass
class StopContainer(DownFault):
    """Stops the container of ``service``."""

    name: ClassVar[str] = "stop-container"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The container of {self.service} is stopped (docker stop) and stays down."

    def bring_down(self, container: Container) -> None:
        """Stop it, within its own grace period."""
        container.stop()
