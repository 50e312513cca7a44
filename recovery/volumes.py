"""Which volume a container keeps its data on."""

from __future__ import annotations

from docker.models.containers import Container

from plan.errors import UserError


def volume_at(container: Container, path: str) -> str:
    """The name of the volume that is mounted at ``path``.

    :raises UserError: when none is.
    """
    for mount in container.attrs["Mounts"]:
        if mount["Destination"] == path:
            return str(mount["Name"])
    raise UserError(f"{container.name} keeps {path} on no volume", "mount one there")
