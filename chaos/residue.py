"""What a drill leaves in its stack: the stack before against the stack after, in sentences.

:func:`chaos.snapshot.snapshot` looks, :func:`differences` compares and touches nothing. That a container was
made anew is no residue; that it is paused, unhealthy, on another image or without one of its names is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ContainerState:
    """A container of a service.

    :param status: as Docker has it: running, paused, restarting, exited, created, dead.
    :param health: healthy, unhealthy, starting; None without a health check.
    :param networks: the names it answers to on each network.
    :param commands: what runs in it beside its own process and its health check (``docker exec``).
    """

    status: str
    image: str
    restart_policy: str
    health: str | None = None
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProxyState:
    """A proxy of Toxiproxy."""

    enabled: bool
    toxics: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Snapshot:
    """A stack at one moment; what could not be asked is None.

    :param services: the containers of each service; one, in a sound stack.
    :param others: labelled things that no service accounts for, each as ``container NAME``, ``image NAME``
        and so on.
    :param proxies: Toxiproxy's; empty in a stack without one.
    :param junk_keys: how many keys in Redis a fault has written; 0 in a stack without one.
    :param fill_files: files that a fault has written, as ``volume: path``.
    :param sessions: how many database sessions of faults are open; 0 in a stack without a database.
    """

    services: Mapping[str, tuple[ContainerState, ...]]
    others: frozenset[str] = frozenset()
    proxies: Mapping[str, ProxyState] | None = field(default_factory=dict)
    junk_keys: int | None = 0
    fill_files: frozenset[str] | None = frozenset()
    sessions: int | None = 0


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What ``after`` has, or lacks, against ``before``: a sentence each; none when nothing is left behind."""
    return [
        *_services(before.services, after.services),
        *(f"{thing} is left over" for thing in sorted(after.others - before.others)),
        *(f"{thing} is gone" for thing in sorted(before.others - after.others)),
        *_proxies(before.proxies, after.proxies),
        *_junk(before.junk_keys, after.junk_keys),
        *_files(before.fill_files, after.fill_files),
        *_sessions(before.sessions, after.sessions),
    ]


def _services(
    before: Mapping[str, tuple[ContainerState, ...]], after: Mapping[str, tuple[ContainerState, ...]]
) -> Iterator[str]:
    for service in sorted({*before, *after}):
        old, new = before.get(service, ()), after.get(service, ())
        if not new:
            yield f"{service} has no container any more"
        elif not old:
            yield f"{service} was not there before"
        elif len(new) != len(old):
            yield f"{service} has {len(new)} containers, not {len(old)}"
        else:
            for one, other in zip(old, new, strict=True):
                yield from _container(service, one, other)


def _container(service: str, before: ContainerState, after: ContainerState) -> Iterator[str]:
    if after.status != before.status:
        yield f"{service} is {after.status}, not {before.status}"
    elif after.health != before.health and (before.health, after.health) != ("starting", "healthy"):
        yield f"{service} is {after.health or 'without a health check'}, not {before.health or 'without one'}"
    if after.image != before.image:
        yield f"{service} runs the image {after.image}, not {before.image}"
    if after.restart_policy != before.restart_policy:
        yield f"{service} has the restart policy {after.restart_policy!r}, not {before.restart_policy!r}"
    for network in sorted({*before.networks, *after.networks}):
        yield from _network(service, network, before.networks.get(network), after.networks.get(network))
    for command in (Counter(after.commands) - Counter(before.commands)).elements():
        yield f"in {service} a command still runs: {command}"


def _network(
    service: str, network: str, before: frozenset[str] | None, after: frozenset[str] | None
) -> Iterator[str]:
    if after is None:
        yield f"{service} is no longer on network {network}"
    elif before is None:
        yield f"{service} is on network {network}, where it was not before"
    else:
        if before - after:
            yield f"{service} is on network {network} without its {_aliases(before - after)}"
        if after - before:
            yield f"{service} is on network {network} with a new {_aliases(after - before)}"


def _aliases(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f"alias{'es' * (len(listed) > 1)} " + ", ".join(f"'{name}'" for name in listed)


def _proxies(
    before: Mapping[str, ProxyState] | None, after: Mapping[str, ProxyState] | None
) -> Iterator[str]:
    if after is None:
        yield "toxiproxy could not be asked for its proxies"
        return
    for name in sorted({*(before or {}), *after}):
        old, new = (before or {}).get(name), after.get(name)
        if new is None:
            yield f"the proxy {name} is gone"
            continue
        if before is not None and old is None:
            yield f"the proxy {name} was not there before"
        if not new.enabled and (old is None or old.enabled):
            yield f"the proxy {name} is disabled"
        for toxic in sorted(new.toxics - (old.toxics if old else frozenset())):
            yield f"the proxy {name} still has the toxic {toxic}"


def _junk(before: int | None, after: int | None) -> Iterator[str]:
    if after is None:
        yield "redis could not be asked for junk keys"
    elif after > (before or 0):
        yield f"redis holds {after} junk keys"


def _files(before: frozenset[str] | None, after: frozenset[str] | None) -> Iterator[str]:
    if after is None:
        yield "the volumes could not be searched for fill files"
    else:
        yield from (f"the file {path} is left over" for path in sorted(after - (before or frozenset())))


def _sessions(before: int | None, after: int | None) -> Iterator[str]:
    if after is None:
        yield "the database could not be asked for sessions of faults"
    elif after > (before or 0):
        yield f"the database has {after} open sessions of faults"
