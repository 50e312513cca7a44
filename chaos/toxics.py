"""Faults that consist of toxics in a proxy of Toxiproxy; they are undone when the toxics are gone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from toxiproxy.toxic import Toxic

from chaos.base import StackFault
from chaos.containers import own_container
from chaos.marks import TOXIC_PREFIX
from chaos.toxiproxy import SERVICE, Toxiproxy
from stack.wait import wait_until


@dataclass
class ToxicFault(StackFault):
    """Spoils what goes through ``proxy`` (``postgres`` or ``redis``)."""

    service: str = SERVICE
    proxy: str = "postgres"

    def toxics(self) -> list[Toxic]:
        """What it adds to the proxy."""
        raise NotImplementedError

    def toxic(self, kind: str, stream: str, attributes: dict[str, int]) -> Toxic:
        """One of them, named as the audit knows it; toxicity is drawn for each link, so it is 1.0."""
        name = f"{TOXIC_PREFIX}{self.name}-{stream}"
        return Toxic(name=name, type=kind, stream=stream, toxicity=1.0, attributes=attributes)

    @property
    def _names(self) -> set[str]:
        return {toxic.name for toxic in self.toxics()}

    def inject(self) -> None:
        """Add the toxics."""
        own_container(self.stack, self.service)
        for toxic in self.toxics():
            Toxiproxy.of(self.stack, self.service).add_toxic(self.proxy, toxic)

    def wait_effective(self, timeout_s: float) -> float:
        """When the proxy was first seen to have all of them."""
        names = self._names
        wait_until(
            lambda: self.present() == names,
            timeout_s=timeout_s,
            what=f"the proxy {self.proxy} has {', '.join(sorted(names))}",
        )
        return time.monotonic()

    def present(self) -> set[str]:
        """Which of them the proxy has."""
        return self._names.intersection(Toxiproxy.of(self.stack, self.service).proxy(self.proxy).toxics)

    def heal(self) -> None:
        """Remove those that are there."""
        if self.stack.containers():
            own_container(self.stack, self.service)
            for name in sorted(self.present()):
                Toxiproxy.of(self.stack, self.service).remove_toxic(self.proxy, name)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the proxy has none of them."""
        wait_until(
            lambda: not self.stack.containers() or not self.present(),
            timeout_s=timeout_s,
            what=f"the proxy {self.proxy} is without {', '.join(sorted(self._names))}",
        )
