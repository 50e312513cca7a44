"""Site: everything in it is gone at once, containers, volumes and networks.

::

    inject: kill all, then remove all ──▶ effective: none is left
        ──▶ heal: nothing, the recovery rebuilds ──▶ healed: at once

What belongs to the site says so by its labels, the drill's and ``dr.site``. Nothing else is touched: not the
other site, not the world between them, nothing without labels. A network on which others are stays: it is not
the site's alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from chaos.base import StackFault, saved, transient
from chaos.guard import require_own
from stack.at_once import at_once
from stack.wait import NotReached, wait_until

REMOVE_TIMEOUT_S = 30.0
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class SiteLost(StackFault):
    """Destroys the whole site that the stack is of. It is of no service in particular: ``service`` is empty."""

    name: ClassVar[str] = "site-lost"
    service: str = saved("")
    _dark: float | None = transient()

    @property
    def targets(self) -> tuple[str, ...]:
        """No service by name: without any, the guard looks at every container of the stack."""
        return ()

    def describe(self) -> str:
        """One sentence for the report."""
        return f"Everything in site {self.stack.site} is destroyed at once: its containers, volumes and networks."

    def inject(self) -> None:
        """Kill every container, so that it is dark all at once; then remove them, and what only they used.

        :raises chaos.guard.GuardRefused: before anything is done, when one of them is not this drill's.
        """
        containers = self._containers()
        for container in containers:
            require_own(self.stack, container)
        at_once(containers, lambda container: container.kill())
        self._dark = dark_since(self._containers())
        with suppress(NotReached):  # what is left, wait_effective tells
            wait_until(self._remove, timeout_s=REMOVE_TIMEOUT_S, what="all is removed", every_s=0.2)

    def _remove(self) -> bool:
        """Again until it is done: the engine may still be letting go of what was removed a moment ago."""
        at_once(self._containers(), lambda container: container.remove(force=True, v=True))
        at_once(self._volumes(), lambda volume: volume.remove())
        at_once(self._networks(), lambda network: network.remove())
        return not self._left()

    def wait_effective(self, timeout_s: float) -> float:
        """When the last of it died, once none of it is left."""
        wait_until(
            lambda: not self._left(),
            timeout_s=timeout_s,
            what=f"nothing is left of site {self.stack.site}",
            why_not=lambda: f"left: {', '.join(self._left())}",
        )
        return self._dark if self._dark is not None else time.monotonic()

    def heal(self) -> None:
        """Nothing: what it destroyed is rebuilt by the recovery, or ends with its stack."""

    def wait_healed(self, timeout_s: float) -> None:
        """Nothing to wait for: no trace of a fault is left in what does not exist."""

    def _left(self) -> list[str]:
        left: list[Any] = [*self._containers(), *self._volumes(), *self._networks()]
        return [str(thing.name) for thing in left]

    @property
    def _labels(self) -> dict[str, str | list[str] | bool]:
        return {"label": self.stack.marks(self.stack.site)}

    def _containers(self) -> list[Container]:
        found: list[Container] = self.stack.docker.containers.list(
            all=True, filters=self._labels, ignore_removed=True
        )
        return found

    def _volumes(self) -> list[Volume]:
        found: list[Volume] = self.stack.docker.volumes.list(filters=self._labels)
        return found

    def _networks(self) -> list[Network]:
        """Those on which nobody but the site's own containers are."""
        own = {str(container.id) for container in self._containers()}
        # greedy: a list alone does not say who is on them.
        found: list[Network] = self.stack.docker.networks.list(filters=self._labels, greedy=True)
        return [network for network in found if network.attrs["Containers"].keys() <= own]


def dark_since(containers: Iterable[Container]) -> float | None:
    """When the last of them died, in monotonic seconds; None while one runs.

    By the engine's own record: it tells of a death only when it has taken the container's network and mounts down,
    which for a whole site takes seconds.
    """
    states = [container.attrs["State"] for container in containers]
    # What never ran has died in the year 1.
    died = max((datetime.fromisoformat(state["FinishedAt"]) for state in states), default=_NEVER)
    if died.year == _NEVER.year or any(state["Running"] for state in states):
        return None
    now = datetime.now(UTC)
    # The clock that is read second may be read late: were T0 early by that, losses before it would count as after it.
    return time.monotonic() - (now - died).total_seconds()
