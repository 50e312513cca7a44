"""Network: a proxy swallows what goes through it; connections stay open and nothing is ever answered.

::

    prepare: note whether the proxy lets through
    inject: add a timeout toxic each way ──▶ effective: the proxy has both
        ──▶ heal: remove them, close what hung in them ──▶ healed: they are gone

Nobody is told that the other side is gone, as of :mod:`chaos.cut_connection`: only deadlines see it. Healing
disables the proxy for a moment: it accepts its clients one by one, and those that gave up in the meantime would
hold up the next one for a long time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toxiproxy.toxic import Toxic

from chaos.base import saved
from chaos.containers import own_container
from chaos.toxics import ToxicFault
from chaos.toxiproxy import Toxiproxy
from stack.wait import wait_until

FOR_EVER = 0
"""Toxiproxy's ``timeout`` in ms: 0 holds a connection open until the toxic is removed."""


@dataclass
class BlackHole(ToxicFault):
    """Swallows what goes through ``proxy`` (``postgres`` or ``redis``), both ways.

    ``enabled`` is whether the proxy let anything through before.
    """

    name: ClassVar[str] = "black-hole"
    enabled: bool = saved(True)

    def describe(self) -> str:
        """One sentence for the report."""
        return f"The proxy {self.proxy} swallows all data, both ways; its connections stay open."

    def toxics(self) -> list[Toxic]:
        """One each way."""
        return [self.toxic("timeout", stream, {"timeout": FOR_EVER}) for stream in ("upstream", "downstream")]

    def prepare(self) -> None:
        """Note whether the proxy is to be enabled again."""
        self.enabled = self._toxiproxy.proxy(self.proxy).enabled

    def heal(self) -> None:
        """Remove those that are there, and have every client connect anew."""
        if not self.stack.containers():
            return
        own_container(self.stack, self.service)
        if self.present():
            self._toxiproxy.set_enabled(self.proxy, False)
        super().heal()
        if not self._is_as_before():  # by this process, or by one that died half-way
            self._toxiproxy.set_enabled(self.proxy, self.enabled)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the proxy has none of them, and lets through again."""
        super().wait_healed(timeout_s)
        wait_until(
            lambda: not self.stack.containers() or self._is_as_before(),
            timeout_s=timeout_s,
            what=f"the proxy {self.proxy} is {'enabled' if self.enabled else 'disabled'} as before",
        )

    def _is_as_before(self) -> bool:
        return self._toxiproxy.proxy(self.proxy).enabled == self.enabled

    @property
    def _toxiproxy(self) -> Toxiproxy:
        return Toxiproxy.of(self.stack, self.service)
