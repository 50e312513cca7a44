"""``docker compose`` as the suite needs it: a project of its own, bounded waits, errors a user can act on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testcontainers.compose import DockerCompose

from plan.errors import UserError

_REMEDIES = (
    (
        "no such image",
        "an image is missing",
        "run `make setup`, which builds the suite's own, or correct the DRILL_*_IMAGE variable",
    ),
    ("pull access denied", "an image is missing", "run `make setup`, or correct the DRILL_*_IMAGE variable"),
    ("unable to get image", "an image is missing", "run `make setup`, or correct the DRILL_*_IMAGE variable"),
    (
        "port is already allocated",
        "a port is taken",
        "free it, or unset the DRILL_*_PORT variable that names it",
    ),
    (
        "address already in use",
        "a port is taken",
        "free it, or unset the DRILL_*_PORT variable that names it",
    ),
    (
        "no space left on device",
        "the disk is full",
        "free space where Docker keeps its data, or give the volume more (DRILL_*_VOLUME), then try again",
    ),
    ("cannot connect to the docker daemon", "no Docker engine answers", "run `make setup`, which starts one"),
)


class ComposeError(Exception):
    """A compose command failed in a way that no remedy is known for; carries its output."""


@dataclass
class DrillCompose(DockerCompose):
    """One Compose project: what :class:`DockerCompose` lacks is its name, time-outs and orphan removal.

    :param project: the Compose project's name.
    :param environment: variables for the compose file, on top of this process's own.
    :param wait_timeout_s: how long ``up`` waits for every service to be healthy, in seconds.
    """

    project: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    wait_timeout_s: int = 240

    def start(self, *services: str) -> None:
        """Start every service, or ``services`` with what they depend on, and wait until each is healthy.

        :raises UserError: for what the user can mend.
        :raises ComposeError: otherwise, with compose's own words.
        """
        # Never built on the way: an image that was named and is not there must not be replaced by another.
        wait = ("--wait", "--wait-timeout", str(self.wait_timeout_s))
        self.run("up", "--no-build", *wait, *services, timeout_s=self.wait_timeout_s + 60)

    def stop(self, down: bool = True) -> None:
        """Remove the project's containers, networks and volumes, orphans included."""
        self.run(*(("down", "--volumes", "--remove-orphans", "--timeout", "2") if down else ("stop",)))

    def run(self, *args: str, env: Mapping[str, str] | None = None, timeout_s: float = 120) -> str:
        """Run ``docker compose ARGS`` on the project and return what it printed.

        :param env: further variables for this call alone, as an image to deploy.
        :raises UserError: for what the user can mend.
        :raises ComposeError: otherwise, and when it takes longer than ``timeout_s``.
        """
        command = [*self.docker_compose_command(), *args]
        try:
            done = subprocess.run(
                command,
                cwd=str(self.context),
                env={**os.environ, **self.environment, **(env or {}), "COMPOSE_PROJECT_NAME": self.project},
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise UserError(
                "the `docker` command is not installed", "run `make setup`, which installs it"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ComposeError(f"docker compose {args[0]} took longer than {timeout_s:g} s") from error
        if done.returncode != 0:
            # What a command inside a container said goes to either.
            raise explain(args, f"{done.stderr}\n{done.stdout}")
        return done.stdout


def explain(args: Sequence[str], stderr: str) -> UserError | ComposeError:
    """Turn a failed command's error output into an error with a remedy, where one is known."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for needle, what, remedy in _REMEDIES:
        for line in lines:
            if needle in line.lower():
                return UserError(f"docker compose {args[0]}: {what}: {line}", remedy)
    return ComposeError(f"docker compose {' '.join(args)} failed: " + " | ".join(lines[-3:]))


def compose_project(project: str, files: Sequence[Path], environment: Mapping[str, str]) -> DrillCompose:
    """The project ``project`` made of ``files``; relative paths start at the first one's folder."""
    return DrillCompose(
        context=files[0].parent,
        compose_file_name=[str(file) for file in files],
        project=project,
        environment=environment,
    )
