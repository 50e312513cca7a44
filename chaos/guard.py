"""What keeps a fault inside its drill: each target carries the drill's label, on an engine the plan names."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from docker.models.containers import Container

from chaos.fault import Fault
from plan.errors import UserError
from stack.stack import DRILL_LABEL, Stack, current_context


class GuardRefused(UserError):
    """A fault was about to leave its drill; nothing was done."""


@dataclass(frozen=True)
class Target:
    """A container that a fault would touch; ``drill_id`` is what its label says, None without one."""

    service: str
    name: str
    drill_id: str | None


def check(stack: Stack, fault: Fault, allowed_contexts: Collection[str]) -> None:
    """Let ``fault`` pass only if all that it would touch is this drill's own.

    :param allowed_contexts: the Docker contexts that the plan names (``[drill] docker_contexts``).
    :raises GuardRefused: with every reason at once.
    """
    containers = [_target(stack, container) for container in stack.containers()]
    refused = [
        *context_reasons(current_context(), stack.context, allowed_contexts),
        *target_reasons(stack.drill_id, fault.targets, containers),
    ]
    if refused:
        raise GuardRefused(
            f"the fault {fault.name} is refused: " + "; ".join(refused),
            "inject it only into a stack that this suite started, on a context of [drill] docker_contexts",
        )


def require_own(stack: Stack, container: Container) -> None:
    """Raise :class:`GuardRefused` unless ``container`` carries this drill's label."""
    refused = target_reasons(stack.drill_id, (), [_target(stack, container)])
    if refused:
        raise GuardRefused("; ".join(refused), "touch only what this drill started")


def require_allowed_context(allowed: Collection[str]) -> None:
    """Raise :class:`GuardRefused` unless the Docker context in force is one that the plan names."""
    current = current_context()
    if refused := context_reasons(current, current, allowed):
        raise GuardRefused(
            "; ".join(refused), "add it to [drill] docker_contexts in the plan, or use another one"
        )


def context_reasons(current: str, bound: str, allowed: Collection[str]) -> list[str]:
    """Why the Docker context is not one to break things on; empty when it is."""
    if current != bound:
        return [f"the current Docker context is {current!r}, this stack belongs to {bound!r}"]
    if current not in allowed:
        return [f"the plan does not allow the Docker context {current!r} (only {', '.join(sorted(allowed))})"]
    return []


def target_reasons(drill_id: str, services: Iterable[str], containers: Collection[Target]) -> list[str]:
    """Why the containers of ``services`` must not be touched; empty when they may be.

    Without services, each of ``containers`` is looked at.
    """
    wanted = tuple(services)
    present = {container.service for container in containers}
    reasons = [
        f"there is no container of the service {service}" for service in wanted if service not in present
    ]
    for container in containers:
        if wanted and container.service not in wanted:
            continue
        if container.drill_id is None:
            reasons.append(f"{container.name} does not carry the label {DRILL_LABEL}")
        elif container.drill_id != drill_id:
            reasons.append(f"{container.name} belongs to {container.drill_id}, not to {drill_id}")
    return reasons


def _target(stack: Stack, container: Container) -> Target:
    return Target(stack.service_of(container), str(container.name), container.labels.get(DRILL_LABEL))
