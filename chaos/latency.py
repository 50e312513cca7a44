"""Network: every answer on its way back through a proxy is held up.

::

    inject: add a latency toxic ──▶ effective: the proxy has it ──▶ heal: remove it ──▶ healed: it is gone

The kernel that drills run on need not have netem: Toxiproxy stands between the dashboard and its stores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from toxiproxy.toxic import Toxic

from chaos.base import StackFault
from chaos.containers import own_container
from chaos.marks import TOXIC_PREFIX
from chaos.toxiproxy import SERVICE, Toxiproxy
from stack.wait import wait_until

TOXIC = f"{TOXIC_PREFIX}latency"


@dataclass
class Latency(StackFault):
    """Delays what ``proxy`` (``postgres`` or ``redis``) answers.

    :param latency_ms: milliseconds that each chunk of data is held up.
    :param jitter_ms: milliseconds by which that varies, up and down.
    """

    name: ClassVar[str] = "latency"
    service: str = SERVICE
    proxy: str = "postgres"
    latency_ms: int = 500
    jitter_ms: int = 0

    def describe(self) -> str:
        """One sentence for the report."""
        jitter = f" ± {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"Answers through the proxy {self.proxy} are delayed by {self.latency_ms} ms{jitter}."

    def inject(self) -> None:
        """Add the toxic."""
        own_container(self.stack, self.service)
        attributes = {"latency": self.latency_ms, "jitter": self.jitter_ms}
        toxic = Toxic(name=TOXIC, type="latency", stream="downstream", toxicity=1.0, attributes=attributes)
        Toxiproxy.of(self.stack, self.service).add_toxic(self.proxy, toxic)

    def wait_effective(self, timeout_s: float) -> float:
        """When the proxy was first seen to have the toxic."""
        wait_until(self._present, timeout_s=timeout_s, what=f"the proxy {self.proxy} has the toxic {TOXIC}")
        return time.monotonic()

    def _present(self) -> bool:
        return TOXIC in Toxiproxy.of(self.stack, self.service).proxy(self.proxy).toxics

    def heal(self) -> None:
        """Remove the toxic, if it is there."""
        if self.stack.containers():
            own_container(self.stack, self.service)
            Toxiproxy.of(self.stack, self.service).remove_toxic(self.proxy, TOXIC)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the proxy is without the toxic."""
        wait_until(
            lambda: not self.stack.containers() or not self._present(),
            timeout_s=timeout_s,
            what=f"the proxy {self.proxy} is without the toxic {TOXIC}",
        )
