"""The database restored into a fresh volume, rolled forward to a moment or to the last one.

::

    stop the server ──▶ keep the damaged volume ──▶ a fresh one ──▶ base backup and WAL, from the vault ──▶ start

In a site that has no database yet, as after a disaster, the first two have nothing to do. Where the vault is in the
site, it is read where it lies; from the other site it is fetched.

DRP, Scenario 2, step 7, and Scenario 5, step 2. The plan's letter, ``psql -f /backups/restore.sql`` into the damaged
database, would lose everything since the night and write over what is left; a base backup rolled forward by its WAL
loses what had not left the site (PostgreSQL manual, "Continuous Archiving and Point-in-Time Recovery").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import docker.errors
from docker.models.containers import Container

from recovery.volumes import volume_at
from stack.stack import Stack

DATA = "/var/lib/postgresql/data"
VAULT = "/vault"
GENERATION = "DRILL_POSTGRES_GENERATION"
KEEPS_LABEL = "dr.keeps"
LAY_OUT_TIMEOUT_S = 600
START_TIMEOUT_S = 300


def restore(stack: Stack, to: str, say: Callable[[str], None]) -> str | None:
    """Put a restored database in the place of the damaged one, which is kept, or where there is none yet.

    :param to: ``latest``, or a moment with its UTC offset.
    :param say: told, in a few words, what is being done.
    :returns: the name of the volume that is kept; None: there was no database.
    :raises UserError: when the database keeps its data on no volume.
    :raises stack.compose.ComposeError: when a command fails, with its words; as when no backup leads so far.
    """
    server = _find(stack, "postgres")
    damaged = None if server is None else _retire(stack, server, say)
    stack.set_variable(GENERATION, f"-{_generation(stack) + 1}")
    # Compose takes no notice of a volume's new name: what mounts it is made anew because we say so.
    anew = ("--no-deps", "--no-build", "--force-recreate")
    stack.compose("up", "--no-start", *anew, "postgres")
    # Whoever mounts a volume of memory keeps it alive: before anything is written into the fresh one.
    stack.compose("up", "--detach", "--wait", *anew, "holder")
    fresh = volume_at(stack.container("postgres"), DATA)
    options, command = _from_vault(stack, say)
    say(f"laying {fresh} out")
    said = stack.compose(
        "run", "--rm", "--no-deps", "--no-TTY", "--volume", f"{fresh}:/restore", *options, "backup",
        "sh", "-c", f"{command} --into /restore --to {to} 2>&1",
        timeout_s=LAY_OUT_TIMEOUT_S,
    )  # fmt: skip
    for line in said.splitlines():
        say(line)
    say("starting the server: it replays the log")
    stack.compose(
        "up", "--detach", "--wait", "--no-deps", "--no-build", "postgres", timeout_s=START_TIMEOUT_S
    )
    return damaged


def _retire(stack: Stack, server: Container, say: Callable[[str], None]) -> str:
    """Stop the damaged server, and see that its volume lives on and is not the next one's."""
    damaged = volume_at(server, DATA)
    say("stopping the server")
    stack.compose("stop", "--timeout", "10", "postgres")
    keep(stack, server, damaged)
    say(f"the damaged volume {damaged} is kept")
    return damaged


def _from_vault(stack: Stack, say: Callable[[str], None]) -> tuple[Sequence[str], str]:
    """Options for a container that can read the backups, and the command that lays them out, but for its target."""
    vault = _find(stack, "vault")
    if vault is not None:
        say("reading the backups in this site's vault")
        return ("--volume", f"{volume_at(vault, VAULT)}:{VAULT}:ro"), f"drbackup pitr --dir {VAULT}"
    say("fetching the backups from the other site's vault")
    # The way between the sites.
    stack.compose("up", "--detach", "--wait", "--no-deps", "--no-build", "toxiproxy")
    source = "/var/tmp/fetched"
    return (), f"drbackup fetch --into {source} 2>&1 && drbackup pitr --dir {source}"


def keep(stack: Stack, server: Container, volume: str) -> None:
    """Have a container mount ``volume``: one of memory would be gone with the last that does.

    One that does so already, as from a restore that was killed, is enough.
    """
    if any(keeper.labels[KEEPS_LABEL] == volume for keeper in _keepers(stack)):
        return
    stack.docker.containers.run(
        str(server.attrs["Image"]),
        entrypoint=["sleep", "infinity"],
        user="root",
        name=f"{stack.project}-keeps-{_generation(stack)}",
        labels={**stack.labels, "dr.site": stack.site, KEEPS_LABEL: volume},
        volumes={volume: {"bind": "/kept", "mode": "ro"}},
        network_mode="none",
        init=True,
        detach=True,
    )


def discard_kept(stack: Stack) -> list[str]:
    """Remove the damaged volumes that were kept: for when the recovery is verified.

    :returns: their names.
    """
    keepers = _keepers(stack)
    for keeper in keepers:
        keeper.remove(force=True)
        with suppress(docker.errors.NotFound):
            stack.docker.volumes.get(keeper.labels[KEEPS_LABEL]).remove()
    return [str(keeper.labels[KEEPS_LABEL]) for keeper in keepers]


def _keepers(stack: Stack) -> list[Container]:
    labels = [f"{name}={value}" for name, value in {**stack.labels, "dr.site": stack.site}.items()]
    found: list[Container] = stack.docker.containers.list(all=True, filters={"label": [*labels, KEEPS_LABEL]})
    return found


def _generation(stack: Stack) -> int:
    """How many restores this site's database has behind it."""
    return int(stack.variables.get(GENERATION, "-0").removeprefix("-"))


def _find(stack: Stack, service: str) -> Container | None:
    try:
        return stack.container(service)
    except LookupError:
        return None
