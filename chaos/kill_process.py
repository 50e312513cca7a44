"""Containers: SIGKILL to the service's main process, so that the restart policy acts.

::

    inject: kill -9 the process ──▶ effective: the container died, or was started anew since
        ──▶ heal: docker start, if the policy did not ──▶ healed: up and healthy

``docker kill`` would make Docker treat the container as stopped by hand: see :mod:`chaos.kill_container`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.base import transient
from chaos.containers import ContainerFault, is_down, own_container
from chaos.processes import kill_main_process
from stack.wait import wait_until


@dataclass
class KillProcess(ContainerFault):
    """Crashes the main process of ``service``."""

    name: ClassVar[str] = "kill-process"
    _started: str | None = transient()

    def describe(self) -> str:
        """One sentence for the report."""
        return (
            f"The main process of {self.service} is killed with SIGKILL; its restart policy is left to act."
        )

    def inject(self) -> None:
        """Kill the process."""
        container = own_container(self.stack, self.service)
        self._started = container.attrs["State"]["StartedAt"]
        kill_main_process(self.stack, self.service, container)

    def wait_effective(self, timeout_s: float) -> float:
        """When the container was first seen down or started anew."""
        wait_until(
            self._died, timeout_s=timeout_s, what=f"the process of {self.service} is dead", every_s=0.01
        )
        return time.monotonic()

    def _died(self) -> bool:
        container = self.stack.container(self.service)
        return is_down(container) or container.attrs["State"]["StartedAt"] != self._started
