"""A site that serves no longer becomes the standby: its vault runs on, and nothing of what it served from is left.

What lies there is of the past. Were it kept, the next failover would find a database where it restores one.
"""

from __future__ import annotations

from collections.abc import Callable

from docker.models.containers import Container
from docker.models.volumes import Volume

from stack.stack import DRILL_LABEL, SITE_LABEL, Stack
from stack.wait import wait_until

_REMOVE_TIMEOUT_S = 30.0


def stand_by(stack: Stack, say: Callable[[str], None]) -> None:
    """Make ``stack``, which serves no longer, the standby site.

    :raises LookupError: when it has no vault: the other site's backups would have nowhere to go.
    :raises stack.compose.ComposeError: when its vault does not come up again.
    """
    stack.container("vault")
    say(f"removing what site {stack.site} has served from")
    clear(stack, keep="vault")
    stack.compose("up", "--detach", "--wait", "--no-build", "vault")
    say(f"site {stack.site} is in standby: its vault receives what site {stack.standby.site} sends")


def clear(stack: Stack, keep: str = "") -> None:
    """Remove a site's containers, and the volumes that nobody mounts then; what is in neither site stays.

    :param keep: a service that runs on, with what it mounts.
    :raises stack.wait.NotReached: when something cannot be removed.
    """
    labels: dict[str, str | list[str] | bool] = {
        "label": [f"{DRILL_LABEL}={stack.drill_id}", f"{SITE_LABEL}={stack.site}"]
    }

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
        for thing in left():
            thing.remove(force=True)
        return not left()

    wait_until(
        removed,
        timeout_s=_REMOVE_TIMEOUT_S,
        what=f"site {stack.site} is cleared",
        why_not=lambda: f"left: {', '.join(str(thing.name) for thing in left())}",
        every_s=0.3,
    )
