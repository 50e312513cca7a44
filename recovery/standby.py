"""A site that serves no longer becomes the standby: its vault runs on, and nothing of what it served from is left.

What lies there is of the past. Were it kept, the next failover would find a database where it restores one.
"""

from __future__ import annotations

from collections.abc import Callable

from docker.errors import DockerException
from docker.models.containers import Container
from docker.models.volumes import Volume

from plan.errors import UserError
from stack.at_once import at_once
from stack.stack import Stack
from stack.wait import NotReached, wait_until

_REMOVE_TIMEOUT_S = 30.0


def stand_by(stack: Stack, say: Callable[[str], None]) -> None:
    """Make ``stack``, which serves no longer, the standby site.

    :raises UserError: when the witness says that it serves, or says nothing; when it has no vault, so that the other
        site's backups would have nowhere to go; when something cannot be removed.
    :raises stack.compose.ComposeError: when its vault does not come up again.
    """
    _check_serves_not(stack)
    try:
        stack.container("vault")
    except LookupError as error:
        raise UserError(
            f"site {stack.site} has no vault: it cannot be the standby",
            "start both with `dr stack up --standby`",
        ) from error
    give_up(stack, say)
    stack.compose("up", "--detach", "--wait", "--no-build", "vault")
    say(f"site {stack.site} is in standby: its vault receives what site {stack.standby.site} sends")


def give_up(stack: Stack, say: Callable[[str], None]) -> None:
    """Remove what a site has served from, but for its vault: what lies there is of an attempt that was given up.

    :raises UserError: when the witness says that it serves, or says nothing; when something cannot be removed.
    """
    _check_serves_not(stack)
    say(f"removing what site {stack.site} has served from")
    try:
        clear(stack, keep="vault")
    except NotReached as error:
        raise UserError(str(error), "look at what is left with `docker ps -a`, then try again") from error


def _check_serves_not(stack: Stack) -> None:
    """The witness has the last word; where nobody ever failed over, it has none, and the first site serves."""
    try:
        asked = stack.exec("dns", ["sh", "-c", "cat /witness/active-site 2>/dev/null || echo a"])
    except (LookupError, DockerException) as error:
        raise UserError(
            f"which site serves cannot be known: {error}",
            "start the name server of the sites, then try again",
        ) from error
    if asked.output.strip() != stack.standby.site:
        raise UserError(
            f"site {stack.site} serves, by the witness ({asked.output.strip()}): nothing is removed",
            "go back first: `dr runbook run failback`",
        )


def clear(stack: Stack, keep: str = "") -> None:
    """Remove a site's containers, and the volumes that nobody mounts then; what is in neither site stays.

    :param keep: a service that runs on, with what it mounts.
    :raises stack.wait.NotReached: when something cannot be removed.
    """
    labels: dict[str, str | list[str] | bool] = {"label": stack.marks(stack.site)}

    def left() -> list[Container | Volume]:
        containers: list[Container] = stack.docker.containers.list(
            all=True, filters=labels, ignore_removed=True
        )
        kept = [each for each in containers if each.labels.get("com.docker.compose.service") == keep]
        mounted = {mount.get("Name") for each in kept for mount in each.attrs["Mounts"]}
        volumes: list[Volume] = stack.docker.volumes.list(filters=labels)
        return [
            *(each for each in containers if each not in kept),
            *(volume for volume in volumes if volume.name not in mounted),
        ]

    def removed() -> bool:
        at_once(left(), lambda thing: thing.remove(force=True))
        return not left()

    wait_until(
        removed,
        timeout_s=_REMOVE_TIMEOUT_S,
        what=f"site {stack.site} is cleared",
        why_not=lambda: f"left: {', '.join(str(thing.name) for thing in left())}",
        every_s=0.3,
    )
