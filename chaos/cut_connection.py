"""Network: a proxy is disabled; its connections are closed and new ones are refused.

::

    inject: disable the proxy ──▶ effective: it is disabled ──▶ heal: enable it ──▶ healed: it is enabled
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.base import StackFault
from chaos.containers import own_container
from chaos.toxiproxy import SERVICE, Toxiproxy
from stack.wait import wait_until


@dataclass
class CutConnection(StackFault):
    """Cuts what goes through ``proxy`` (``postgres`` or ``redis``)."""

    name: ClassVar[str] = "cut-connection"
    service: str = SERVICE
    proxy: str = "postgres"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The proxy {self.proxy} is disabled: its connections are closed, new ones are refused."

    def inject(self) -> None:
        """Disable the proxy."""
        own_container(self.stack, self.service)
        Toxiproxy.of(self.stack, self.service).set_enabled(self.proxy, False)

    def wait_effective(self, timeout_s: float) -> float:
        """When the proxy was first seen disabled."""
        wait_until(
            lambda: not self._enabled(), timeout_s=timeout_s, what=f"the proxy {self.proxy} is disabled"
        )
        return time.monotonic()

    def _enabled(self) -> bool:
        return Toxiproxy.of(self.stack, self.service).proxy(self.proxy).enabled

    def heal(self) -> None:
        """Enable the proxy."""
        if self.stack.containers():
            own_container(self.stack, self.service)
            Toxiproxy.of(self.stack, self.service).set_enabled(self.proxy, True)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the proxy is enabled."""
        wait_until(
            lambda: not self.stack.containers() or self._enabled(),
            timeout_s=timeout_s,
            what=f"the proxy {self.proxy} is enabled",
        )
