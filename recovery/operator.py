"""The operator's hands: carries a runbook's commands out on a stack, each bounded in time."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import httpx
import requests
from docker.errors import APIError, DockerException

from plan.errors import UserError
from recovery.client import Client
from recovery.runbook import Ran
from recovery.wording import fill_in, first_service
from stack.compose import ComposeError
from stack.stack import Stack


class Operator:
    """Acts on one site's stack, on the other site's where it is named, and on nothing else.

    Every container is found by its labels.
    """

    def __init__(self, stack: Stack, client: Client) -> None:
        self._stack = stack
        self._client = client

    def spell(self, command: str) -> str:
        """The command with container names, images and addresses filled in."""
        return fill_in(command, self._name)

    def run(self, command: str, timeout_s: float) -> Ran:
        """Carry out one command of a runbook: ``docker``, ``docker compose``, ``docker exec``, ``dr`` or ``curl``.

        :raises ValueError: for any other.
        """
        try:
            match shlex.split(self.spell(command)):
                case ["docker", "compose", *arguments]:
                    return Ran(True, self._stack.compose(*arguments, timeout_s=timeout_s))
                case ["docker", "exec", "--user", user, _, *argv]:
                    return self._exec(*first_service(command), argv, timeout_s, user)
                case ["docker", "exec", _, *argv]:
                    return self._exec(*first_service(command), argv, timeout_s)
                case ["docker", *_] as argv:
                    return _carry_out(argv, timeout_s)
                case ["dr", *arguments]:
                    # The one of this installation, whatever the operator's PATH says.
                    return _carry_out([sys.executable, "-m", "cli", *arguments], timeout_s)
                case ["curl", *_, url]:
                    answer = self._client.ask("GET", httpx.URL(url).path, timeout_s=timeout_s)
                    return Ran(answer.status_code == 200, f"HTTP {answer.status_code}\n{answer.text}")
        except APIError as error:
            return Ran(False, str(error.explanation or error))
        except (
            ComposeError,
            UserError,
            DockerException,
            requests.exceptions.RequestException,
            httpx.HTTPError,
            LookupError,
        ) as error:
            return Ran(False, str(error) or type(error).__name__)
        raise ValueError(f"a runbook cannot do this: {command}")

    def _exec(
        self, service: str, elsewhere: bool, argv: Sequence[str], timeout_s: float, user: str = ""
    ) -> Ran:
        stack = self._stack.standby if elsewhere else self._stack
        done = stack.exec(service, argv, timeout_s, user)
        late = f"\nit took longer than {timeout_s:g} s" if done.exit_code in (124, 137) else ""
        return Ran(done.exit_code == 0, done.output + late)

    def _name(self, service: str, kind: str | None) -> str:
        if service == "stack":
            return str(self._stack.run_dir.resolve())
        if kind == "image":
            return str(self._release["services"][service]["image"])
        stack = self._stack.standby if kind == "elsewhere" else self._stack
        if service == "site":
            return stack.site
        try:
            if kind == "url":
                return stack.url(service, 80)
            return stack.address(service, 80)[0] if kind == "address" else str(stack.container(service).name)
        except LookupError:
            # It is down or gone: the name that Compose gives it, and an address that cannot be known.
            unknown = {"url": f"http://{service}", "address": service}
            return unknown.get(kind or "", f"{stack.project}-{service}-1")

    @cached_property
    def _release(self) -> dict[str, Any]:
        """What the Compose file says is released, whatever runs just now."""
        parsed: dict[str, Any] = json.loads(self._stack.compose("config", "--format", "json"))
        return parsed


def _carry_out(argv: Sequence[str], timeout_s: float) -> Ran:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError(
            f"the `{argv[0]}` command is not installed", "run `make setup`, which installs it"
        ) from error
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode("utf-8", "replace") if isinstance(error.stdout, bytes) else ""
        return Ran(False, f"{said}\nit took longer than {timeout_s:g} s".lstrip())
    return Ran(done.returncode == 0, done.stdout)
