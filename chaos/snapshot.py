"""Looking at a stack for the residue audit; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker.errors
import redis.exceptions
from docker.models.containers import Container
from docker.models.volumes import Volume

from chaos.containers import volumes
from chaos.marks import FILE_PREFIX
from chaos.postgres import PostgresError, fault_sessions
from chaos.redis_client import junk_keys, redis_client
from chaos.residue import ContainerState, ProxyState, Snapshot
from chaos.toxiproxy import SERVICE as TOXIPROXY
from chaos.toxiproxy import Toxiproxy, ToxiproxyError
from stack.stack import DRILL_LABEL, Stack

REDIS = "redis"
_SEARCH_DEPTH = "3"  # faults write at the top of a volume; a database's folders go deep
_SEARCH_TIMEOUT_S = 10.0


def snapshot(stack: Stack) -> Snapshot:
    """``stack`` as it is just now."""
    containers = stack.containers()
    services: dict[str, tuple[ContainerState, ...]] = {}
    for container in sorted(containers, key=lambda item: str(item.name)):
        service = stack.service_of(container)
        services[service] = (*services.get(service, ()), _container(stack, container))
    return Snapshot(
        services=services,
        others=frozenset(_others(stack, {str(container.id) for container in containers})),
        proxies=_proxies(stack) if TOXIPROXY in services else {},
        junk_keys=_junk_keys(stack) if REDIS in services else 0,
        fill_files=_fill_files(stack, containers),
        sessions=_sessions(stack, containers),
    )


def _container(stack: Stack, container: Container) -> ContainerState:
    attrs = container.attrs
    networks = attrs["NetworkSettings"]["Networks"]
    return ContainerState(
        status=attrs["State"]["Status"],
        image=attrs["Image"],
        restart_policy=attrs["HostConfig"]["RestartPolicy"]["Name"],
        health=(attrs["State"].get("Health") or {}).get("Status"),
        networks={name: _aliases(container, endpoint) for name, endpoint in networks.items()},
        commands=tuple(_commands(stack, container)),
    )


def _aliases(container: Container, endpoint: dict[str, Any]) -> frozenset[str]:
    # Its id is among them with some engines, and is a new one after a legitimate rebuild.
    return frozenset(endpoint.get("Aliases") or []) - {container.short_id}


def _commands(stack: Stack, container: Container) -> Iterator[str]:
    # The engine does not answer for a command that was just starting when its container was frozen.
    if container.attrs["State"]["Paused"]:
        return
    check = (container.attrs["Config"].get("Healthcheck") or {}).get("Test") or []
    for exec_id in container.attrs.get("ExecIDs") or []:
        try:
            found = stack.docker.api.exec_inspect(exec_id)
        except docker.errors.NotFound:
            continue  # it has ended meanwhile
        process = found["ProcessConfig"]
        command = [process["entrypoint"], *process["arguments"]]
        if found["Running"] and command[-1:] != check[-1:]:
            yield " ".join(command)


def _others(stack: Stack, own: set[str]) -> Iterator[str]:
    mine: dict[str, str | list[str] | bool] = {"label": f"{DRILL_LABEL}={stack.drill_id}"}
    for container in stack.docker.containers.list(all=True, filters=mine, ignore_removed=True):
        if container.id not in own:
            yield f"container {container.name}"
    for image in stack.docker.images.list(filters=mine):
        yield f"image {image.tags[0] if image.tags else image.short_id}"
    for network in stack.docker.networks.list(filters=mine):
        yield f"network {network.name}"
    yield from volumes_of(stack.docker.volumes.list(filters=mine))


def volumes_of(found: list[Volume]) -> Iterator[str]:
    """Each volume by what it is for: a restore puts one of another name in its place, which is no residue.

    Where the one before it is still there, the newer is told by its own name.
    """
    seen = set()
    for volume in sorted(found, key=lambda item: str(item.name)):
        labels = volume.attrs["Labels"]
        purpose = labels.get("com.docker.compose.project"), labels.get("com.docker.compose.volume")
        if None in purpose or purpose in seen:
            yield f"volume {volume.name}"
        else:
            seen.add(purpose)
            yield f"volume {purpose[0]}_{purpose[1]}"


def _proxies(stack: Stack) -> dict[str, ProxyState] | None:
    try:
        found = Toxiproxy.of(stack).proxies()
    except (ToxiproxyError, LookupError):
        return None
    return {name: ProxyState(proxy.enabled, frozenset(proxy.toxics)) for name, proxy in found.items()}


def _junk_keys(stack: Stack) -> int | None:
    try:
        with redis_client(stack, REDIS) as client:
            return sum(1 for _ in junk_keys(client))
    except (redis.exceptions.RedisError, LookupError):
        return None


def _fill_files(stack: Stack, containers: list[Container]) -> frozenset[str] | None:
    """Search every volume once, through the container that mounts the most of them; None when one was not."""
    found: set[str] = set()
    searched: set[str] = set()
    mounted = {str(container.id): volumes(container) for container in containers}
    for container in sorted(containers, key=lambda item: -len(mounted[str(item.id)])):
        new = {name: path for name, path in mounted[str(container.id)].items() if name not in searched}
        if not new or container.status != "running":
            continue
        lines = _search(stack, stack.service_of(container), list(new.values()))
        if lines is not None:
            searched.update(new)
            found.update(
                f"{name}:{line.removeprefix(path)}"
                for line in lines
                for name, path in new.items()
                if line.startswith(path)
            )
    return frozenset(found) if searched == {name for each in mounted.values() for name in each} else None


def _search(stack: Stack, service: str, folders: list[str]) -> list[str] | None:
    """The fill files in ``folders`` of a container; None when it cannot be asked, as while it restarts."""
    argv = ["find", *folders, "-maxdepth", _SEARCH_DEPTH, "-name", f"{FILE_PREFIX}*"]
    try:
        result = stack.exec(service, argv, _SEARCH_TIMEOUT_S, user="root")
    except (docker.errors.APIError, LookupError):
        return None
    return result.output.splitlines() if result.exit_code == 0 else None


def _sessions(stack: Stack, containers: list[Container]) -> int | None:
    """The sessions of faults in every PostgreSQL: a container whose image says where its data is."""
    try:
        return sum(
            fault_sessions(stack, stack.service_of(container))
            for container in containers
            if any(line.startswith("PGDATA=") for line in container.attrs["Config"]["Env"] or ())
        )
    except (PostgresError, LookupError, docker.errors.APIError):
        return None
