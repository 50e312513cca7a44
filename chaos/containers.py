"""The containers of a drill as faults handle them: always the drill's own, wherever the handle comes from."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

import docker.errors
import requests
from docker.models.containers import Container

from chaos.base import StackFault, transient
from chaos.guard import require_own
from stack.stack import Stack
from stack.wait import wait_until

WATCH_EVERY_S = 0.02


def own_container(stack: Stack, service: str) -> Container:
    """The container of ``service``, with its present state.

    :raises LookupError: when there is none.
    :raises chaos.guard.GuardRefused: when it is not this drill's.
    """
    container = stack.container(service)
    require_own(stack, container)
    return container


def is_down(container: Container) -> bool:
    """Whether nothing runs in it: exited, dead, created, or waiting to be restarted."""
    state = container.attrs["State"]
    return not state["Running"] or bool(state["Restarting"])


def volumes(container: Container) -> dict[str, str]:
    """Where it mounts which volume: paths by the volumes' names."""
    mounts = container.attrs["Mounts"]
    return {mount["Name"]: mount["Destination"] for mount in mounts if mount["Type"] == "volume"}


def ensure_running(stack: Stack, service: str) -> None:
    """Have ``service`` run again: unpaused, started, or made anew when its container is gone.

    A stack that is gone altogether is left alone: nothing of a fault is left in it.
    """
    if not stack.containers():
        return
    try:
        container = own_container(stack, service)
    except LookupError:
        stack.compose("up", "-d", "--no-deps", "--no-build", service)
        return
    if container.attrs["State"]["Paused"]:
        container.unpause()
    elif is_down(container):
        container.start()


def wait_running(stack: Stack, service: str, timeout_s: float) -> None:
    """Observe until ``service`` runs, and is healthy where it has a health check.

    :raises stack.wait.NotReached: with what it was instead.
    """
    wait_until(
        lambda: not trouble(stack, service),
        timeout_s=timeout_s,
        what=f"{service} runs and is healthy",
        every_s=0.1,
        why_not=lambda: trouble(stack, service),
    )


def trouble(stack: Stack, service: str) -> str:
    """What keeps ``service`` from being up and healthy, in a few words; empty when nothing does."""
    if not stack.containers():
        return ""
    try:
        state = stack.container(service).attrs["State"]
    except LookupError:
        return f"{service} has no container"
    health = (state.get("Health") or {}).get("Status", "healthy")
    if state["Status"] != "running":
        return f"{service} is {state['Status']}"
    return "" if health == "healthy" else f"{service} is {health}"


@dataclass
class ContainerFault(StackFault):
    """A fault of a container, which is undone when the service is up and healthy again, however that came."""

    def heal(self) -> None:
        """Unfreeze it, start it or make it anew: what it takes for it to run."""
        ensure_running(self.stack, self.service)

    def wait_healed(self, timeout_s: float) -> None:
        """Until it is up and healthy."""
        wait_running(self.stack, self.service, timeout_s)


@dataclass
class DownFault(ContainerFault):
    """A fault after which the container is down and stays so."""

    _seen: float | None = transient()

    def inject(self) -> None:
        """Bring it down."""
        container = own_container(self.stack, self.service)
        with DeathWatch(self.stack, str(container.id)) as watch:
            self.bring_down(container)
        self._seen = watch.seen

    def bring_down(self, container: Container) -> None:
        """What this fault does to the container."""
        raise NotImplementedError

    def wait_effective(self, timeout_s: float) -> float:
        """When nothing was first seen to run in the container."""
        wait_until(
            lambda: is_down(self.stack.container(self.service)),
            timeout_s=timeout_s,
            what=f"{self.service} is down",
            every_s=0.01,
        )
        return self._seen if self._seen is not None else time.monotonic()


@dataclass
class DeathWatch:
    """Watches a container while something else is being done, and keeps the moment it was first seen down.

    A stop takes seconds and a deployment removes what it replaces: looking afterwards would be too late.
    ``seen`` is that moment in monotonic seconds, None when it was never down.
    """

    stack: Stack
    container_id: str
    seen: float | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> DeathWatch:
        self._thread = threading.Thread(target=self._watch, name="death-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while self.seen is None:
            try:
                down = is_down(self.stack.docker.containers.get(self.container_id))
            except docker.errors.NotFound:
                down = True
            except (docker.errors.APIError, requests.exceptions.RequestException):
                down = False  # no answer is no sight of it; the next look decides
            if down:
                self.seen = time.monotonic()
            elif self._done.wait(WATCH_EVERY_S):
                return
