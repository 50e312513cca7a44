"""Containers: every process is frozen; the kernel goes on acknowledging for them.

::

    inject: docker pause ──▶ effective: paused ──▶ heal: docker unpause ──▶ healed: up and healthy

Connections are accepted and bytes are acknowledged while nobody answers: only a deadline of the application
sees this fault.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.containers import ContainerFault, own_container
from stack.wait import wait_until

FREEZE_TIMEOUT_S = 10.0


@dataclass
class PauseContainer(ContainerFault):
    """Freezes the container of ``service``."""

    name: ClassVar[str] = "pause-container"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The container of {self.service} is frozen (docker pause)."

    def inject(self) -> None:
        """Freeze it; tried again, since a busy kernel gives up freezing ("unable to freeze")."""
        container = own_container(self.stack, self.service)

        def freeze() -> bool:
            container.pause()
            return True

        wait_until(freeze, timeout_s=FREEZE_TIMEOUT_S, what=f"{self.service} lets itself be frozen")

    def wait_effective(self, timeout_s: float) -> float:
        """When the engine first said that it is paused."""
        wait_until(
            lambda: self.stack.container(self.service).attrs["State"]["Paused"],
            timeout_s=timeout_s,
            what=f"{self.service} is paused",
            every_s=0.01,
        )
        return time.monotonic()
