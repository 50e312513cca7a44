"""The stack that is drilled: one Compose project, found again by its labels from any process."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
from docker.context.config import get_current_context_name
from docker.models.containers import Container

from plan.errors import UserError
from stack.compose import ComposeError, DrillCompose, compose_project
from stack.environment import dns_name, postgres_password
from stack.execution import ExecResult, execute

COMPOSE_FILE = Path(__file__).resolve().parent.parent / "docker-compose.test.yml"
DRILL_LABEL = "dr.drill"
RUN_DIR_LABEL = "dr.run_dir"
SITE_LABEL = "dr.site"
WORLD = "world"
WORLD_SERVICES = ("dns", "receiver")
"""What belongs to neither site: the name that clients know, and the pager."""
_SITE_VARIABLES = {
    # What is in neither site is started with the first.
    "a": {"COMPOSE_PROFILES": WORLD},
    "b": {"COMPOSE_PROFILES": "standby", "DRILL_ADDRESS": "127.0.0.2"},
}
# Off-site copies go by the proxy between the sites.
_VAULT = "sftp://drill@toxiproxy:20022/vault"
# A port that both sites' edges share: below those that the kernel and Docker hand out, so that it is free when the
# site comes back.
_EDGE_PORT = "DRILL_EDGE_PORT"
_EDGE_PORTS = range(20000, 32000)
_KEPT_STACK = "stack.json"


def current_context() -> str:
    """The Docker context in force, by the rules that the ``docker`` command and docker-py share."""
    if os.environ.get("DOCKER_HOST"):
        return "default"
    return os.environ.get("DOCKER_CONTEXT") or str(get_current_context_name())


def run_folder(which: str, root: Path) -> Path:
    """The run folder that an operator means: a folder, or the id of a run (or ``latest``) under ``root``."""
    return (Path(which) if Path(which).is_dir() else root / which).resolve()


def find_stack(which: str, root: Path) -> Stack:
    """The stack that an operator means, which is up.

    :param which: the folder of a run, the id of one under ``root``, or ``latest``: the newest that is up.
    :raises UserError: when there is none.
    """
    remedy = "start one with `dr stack up`, or name the folder of a run whose stack is up"
    if which != "latest":
        stack = Stack.attach(run_folder(which, root))
        if not _is_up(stack):
            raise UserError(f"the stack {stack.drill_id} is not up", remedy)
        return stack
    for kept in sorted(root.glob(f"*/{_KEPT_STACK}"), reverse=True):
        stack = Stack.attach(kept.parent.resolve())
        if _is_up(stack):
            return stack
    raise UserError(f"no stack of a run in {root} is up", remedy)


def _is_up(stack: Stack) -> bool:
    """Whether anything of it is there: of the first site nothing need be left, when the other one is to take over."""
    return bool(stack.containers() or stack.standby.containers())


def connect(timeout_s: int = 30) -> docker.DockerClient:
    """A client of the Docker engine, which has answered.

    :raises UserError: when no engine answers.
    """
    try:
        client = docker.from_env(timeout=timeout_s)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise UserError(
            f"no Docker engine answers ({error})", "run `make setup`, which starts one"
        ) from error
    return client


@dataclass(frozen=True)
class Stack:
    """One site's stack. ``files`` are the Compose file and any overrides, in order.

    :param drill_id: the run's id, which every container, network and volume carries as ``dr.drill``.
    :param run_dir: the run's folder, where ``stack.json`` keeps what :meth:`attach` needs.
    """

    drill_id: str
    run_dir: Path
    files: tuple[Path, ...] = (COMPOSE_FILE,)
    site: str = "a"
    context: str = field(default_factory=current_context)

    @classmethod
    def attach(cls, run_dir: Path) -> Stack:
        """The stack that the run in ``run_dir`` started, whether that run still lives or not.

        :raises UserError: when the folder knows of none.
        """
        try:
            kept = json.loads((run_dir / _KEPT_STACK).read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(
                f"{run_dir} holds no stack (stack.json is not there)", "name the folder of a run that is up"
            ) from error
        files = tuple(Path(file) for file in kept["files"])
        return cls(kept["drill_id"], run_dir, files, kept["site"], kept["context"])

    @property
    def project(self) -> str:
        """The Compose project's name."""
        return f"dr-{self.drill_id}-{self.site}"

    @property
    def labels(self) -> dict[str, str]:
        """What everything the drill creates is marked with."""
        return {DRILL_LABEL: self.drill_id, RUN_DIR_LABEL: str(self.run_dir.resolve())}

    def marks(self, site: str) -> list[str]:
        """The labels by which the engine finds what the drill has in a site, or in the world between them."""
        return [f"{DRILL_LABEL}={self.drill_id}", f"{SITE_LABEL}={site}"]

    @cached_property
    def docker(self) -> docker.DockerClient:
        """The engine's client."""
        return connect()

    @property
    def standby(self) -> Stack:
        """The same run's other site; of b, nothing but the vault runs until a is lost."""
        return replace(self, site="a" if self.site == "b" else "b")

    @property
    def _compose(self) -> DrillCompose:
        environment = {
            "DRILL_ID": self.drill_id,
            "DRILL_RUN_DIR": str(self.run_dir.resolve()),
            "DRILL_SITE": self.site,
            **_SITE_VARIABLES[self.site],
            **self.variables,
        }
        return compose_project(self.project, self.files, environment)

    @property
    def variables(self) -> dict[str, str]:
        """What this site's Compose file is given beside the defaults, by every process from then on."""
        try:
            kept: dict[str, str] = json.loads(self._variables_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return kept

    def set_variable(self, name: str, value: str) -> None:
        """Have the site's Compose file see ``name`` as ``value`` from now on, in whichever process."""
        temporary = self._variables_file.with_suffix(".tmp")
        temporary.write_text(json.dumps({**self.variables, name: value}) + "\n", encoding="utf-8")
        temporary.replace(self._variables_file)

    def forget_variables(self) -> None:
        """Have both sites' Compose file see the defaults again: for when there is nothing of them any more."""
        for site in (self, self.standby):
            site._variables_file.unlink(missing_ok=True)

    @property
    def _variables_file(self) -> Path:
        return self.run_dir / f"variables-{self.site}.json"

    def compose(self, *args: str, env: Mapping[str, str] | None = None, timeout_s: float = 120) -> str:
        """Run ``docker compose ARGS`` on this stack; see :meth:`DrillCompose.run`."""
        return self._compose.run(*args, env=env, timeout_s=timeout_s)

    def up(self) -> None:
        """Start everything and wait until every service is healthy.

        :raises UserError: when it does not come up, with each service that is not healthy and its last words.
        """
        connect()
        kept = {
            "drill_id": self.drill_id,
            "files": [str(file) for file in self.files],
            "site": self.site,
            "context": self.context,
        }
        (self.run_dir / _KEPT_STACK).write_text(json.dumps(kept) + "\n", encoding="utf-8")
        self._start()

    def up_standby(self) -> None:
        """Start what the standby site runs while the other one lives: its vault. To be called before :meth:`up`.

        Clients find either site's edge at the same port: they know a name, which only gives another address.

        :raises UserError: as :meth:`up`.
        """
        port = os.environ.get(_EDGE_PORT) or str(_free_port())
        for site in (self, self.standby):
            site.set_variable(_EDGE_PORT, port)
            # Once b serves, its own vault: there is no third site, and there the way back begins.
            site.set_variable("DRILL_VAULT", _VAULT)
        self.standby._start("vault")

    def _start(self, *services: str) -> None:
        try:
            self._compose.start(*services)
        except ComposeError as error:
            sick = "\n".join(f"    {line}" for line in self.unhealthy())
            raise UserError(
                f"the stack did not become healthy: {error}\n{sick}",
                f"read {self.run_dir}/logs/, mend the service named above, then try again",
            ) from error

    def down(self) -> None:
        """Remove the stack's containers, networks and volumes."""
        self._compose.stop()

    def containers(self) -> list[Container]:
        """Every container of the stack, running or not."""
        listed: list[Container] = self.docker.containers.list(
            all=True, filters={"label": f"com.docker.compose.project={self.project}"}, ignore_removed=True
        )
        return listed

    def service_of(self, container: Container) -> str:
        """The Compose service that a container of the stack runs."""
        return str(container.labels["com.docker.compose.service"])

    def container(self, service: str) -> Container:
        """The container of ``service``, with its present state: the site's, or that of the world between the sites.

        :raises LookupError: when there is none.
        """
        label = f"com.docker.compose.service={service}"
        own = [f"com.docker.compose.project={self.project}"]
        for where in (own, self.marks(WORLD)):
            found: list[Container] = self.docker.containers.list(
                all=True, filters={"label": [*where, label]}, ignore_removed=True
            )
            if found:
                return found[0]
        raise LookupError(f"the stack {self.project} has no container of the service {service}")

    def address(self, service: str, port: int, protocol: str = "tcp") -> tuple[str, int]:
        """Host and port where ``service``'s ``port`` is published just now; a restart changes it.

        :raises LookupError: when it is not published, as while the container is down.
        """
        published = self.container(service).ports.get(f"{port}/{protocol}")
        if not published:
            raise LookupError(f"{service} publishes no port {port}/{protocol} just now")
        return str(published[0]["HostIp"]), int(published[0]["HostPort"])

    @property
    def name(self) -> str:
        """The name by which clients know the dashboard, wherever it is served."""
        return dns_name()

    def url(self, service: str, port: int) -> str:
        """The HTTP base address of a published port; see :meth:`address`."""
        host, host_port = self.address(service, port)
        return f"http://{host}:{host_port}"

    def dsn(self) -> str:
        """Connection string of the database, past the proxy."""
        host, port = self.address("postgres", 5432)
        login = f"user=postgres password={postgres_password()}"
        return f"host={host} port={port} dbname=minimarket {login} connect_timeout=3"

    def exec(self, service: str, argv: Sequence[str], timeout_s: float = 10, user: str = "") -> ExecResult:
        """Run a command inside ``service``'s container: see :func:`stack.execution.execute`."""
        return execute(self.container(service), argv, timeout_s, user)

    def unhealthy(self) -> list[str]:
        """One line for each service that is not up and healthy, with the last thing its check or log said."""
        lines = []
        for container in self.containers():
            state = container.attrs["State"]
            health = state.get("Health") or {}
            if state["Status"] == "running" and health.get("Status", "healthy") == "healthy":
                continue
            checks = health.get("Log") or []
            last = checks[-1]["Output"].strip() if checks else ""
            if not last:
                log = container.logs(tail=1).decode("utf-8", "replace").strip()
                last = log or state.get("Error") or "no log"
            check = health.get("Status", "no check")
            lines.append(f"{self.service_of(container)} is {state['Status']}, {check}: {last}")
        return lines

    def save_logs(self, folder: Path, since: datetime | None = None) -> None:
        """Write each service's log to ``folder/logs/`` and the containers' states to ``containers.json``.

        The other site's too, with its name before the service's.

        :param since: of the logs, nothing that is older.
        """
        oldest = int(since.timestamp()) if since else None
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        states = []
        for site in (self, self.standby):
            for container in site.containers():
                service = self.service_of(container)
                name = service if site == self else f"site-{site.site}-{service}"
                (folder / "logs" / f"{name}.log").write_bytes(container.logs(timestamps=True, since=oldest))
                states.append({"service": name, **_state(container)})
        (folder / "containers.json").write_text(json.dumps(states, indent=2) + "\n", encoding="utf-8")


def _free_port() -> int:
    """A port for the edges that nobody uses just now, on either site's address."""
    for port in random.sample(_EDGE_PORTS, k=50):
        try:
            for site in _SITE_VARIABLES.values():
                with socket.socket() as probe:
                    probe.bind((site.get("DRILL_ADDRESS", "127.0.0.1"), port))
        except OSError:
            continue
        return port
    raise UserError("no port is free for the way in", f"name one: {_EDGE_PORT}=8000")


def _state(container: Container) -> dict[str, Any]:
    """What of a container's state is shown: an allow-list, since its environment holds secrets."""
    state = container.attrs["State"]
    health = state.get("Health") or {}
    return {
        "container": container.name,
        "image": container.attrs["Image"],
        "status": state["Status"],
        "health": health.get("Status"),
        "exit_code": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "restarts": container.attrs["RestartCount"],
        "started": state["StartedAt"],
        "finished": state["FinishedAt"],
        "networks": {
            name: sorted(net.get("Aliases") or [])
            for name, net in container.attrs["NetworkSettings"]["Networks"].items()
        },
    }
