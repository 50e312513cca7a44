"""Monitoring: who watches and who alerts are killed together, and stay down: nobody is told of anything.

::

    inject: kill both at once, or remove them ──▶ effective: nothing runs in either
        ──▶ heal: start them, or make them anew ──▶ healed: both up and healthy

Either way, the series and the silences that they wrote down are still there, on volumes of their own: what is removed
is made anew on those.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from docker.models.containers import Container

from chaos.base import StackFault, transient
from chaos.containers import DeathWatch, ensure_running, is_down, own_container, wait_running
from stack.wait import wait_until


@dataclass
class StopMonitoring(StackFault):
    """Kills ``service``, which watches, and ``alerts``, which tells.

    :param remove: whether the containers are removed, too. Their named volumes stay.
    """

    name: ClassVar[str] = "stop-monitoring"
    service: str = "prometheus"
    alerts: str = "alertmanager"
    remove: bool = False
    _seen: float | None = transient()

    @property
    def targets(self) -> tuple[str, ...]:
        """Both."""
        return (self.service, self.alerts)

    def describe(self) -> str:
        """One sentence for the report."""
        how = "are killed and removed; their volumes stay" if self.remove else "are killed and stay down"
        return f"The containers of {self.service} and {self.alerts} {how}."

    def inject(self) -> None:
        """Bring both down at the same time."""
        containers = [own_container(self.stack, service) for service in self.targets]
        with ThreadPoolExecutor(len(containers)) as pool:
            seen = list(pool.map(self._bring_down, containers))
        self._seen = max((at for at in seen if at is not None), default=None)

    def _bring_down(self, container: Container) -> float | None:
        with DeathWatch(self.stack, str(container.id)) as watch:
            if not is_down(container):
                container.kill()
            if self.remove:
                container.remove(force=True, v=True)
        return watch.seen

    def wait_effective(self, timeout_s: float) -> float:
        """When nothing was first seen to run in either."""
        wait_until(
            lambda: all(self._is_down(service) for service in self.targets),
            timeout_s=timeout_s,
            what=f"{self.service} and {self.alerts} are down",
            every_s=0.01,
        )
        return self._seen if self._seen is not None else time.monotonic()

    def _is_down(self, service: str) -> bool:
        try:
            return is_down(self.stack.container(service))
        except LookupError:
            return True

    def heal(self) -> None:
        """Start them, or make them anew: what it takes for them to run."""
        for service in self.targets:
            ensure_running(self.stack, service)

    def wait_healed(self, timeout_s: float) -> None:
        """Until both are up and healthy."""
        deadline = time.monotonic() + timeout_s
        for service in self.targets:
            wait_running(self.stack, service, deadline - time.monotonic())
