"""Network: every answer on its way back through a proxy is held up.

::

    inject: add a latency toxic ──▶ effective: the proxy has it ──▶ heal: remove it ──▶ healed: it is gone

The kernel that drills run on need not have netem: Toxiproxy stands between the dashboard and its stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toxiproxy.toxic import Toxic

from chaos.toxics import ToxicFault


@dataclass
class Latency(ToxicFault):
    """Delays what ``proxy`` (``postgres`` or ``redis``) answers.

    :param latency_ms: milliseconds that each chunk of data is held up.
    :param jitter_ms: milliseconds by which that varies, up and down.
    """

    name: ClassVar[str] = "latency"
    latency_ms: int = 500
    jitter_ms: int = 0

    def describe(self) -> str:
        """One sentence for the report."""
        jitter = f" ± {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"Answers through the proxy {self.proxy} are delayed by {self.latency_ms} ms{jitter}."

    def toxics(self) -> list[Toxic]:
        """One, for the way back."""
        return [self.toxic("latency", "downstream", {"latency": self.latency_ms, "jitter": self.jitter_ms})]
