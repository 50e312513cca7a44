"""A site is lost: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from chaos.guard import GuardRefused
from chaos.injector import Injector
from chaos.journal import Journal
from chaos.registry import catalogue, from_journal
from chaos.site_lost import SiteLost
from chaos.watchdog import Watchdog
from stack.stack import DRILL_LABEL, SITE_LABEL, Stack
from tests.live.small_stack import small_stack

pytestmark = pytest.mark.live

BASE = "dr-drill/base:trixie"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """One for each test: little is left of it afterwards."""
    with small_stack(tmp_path) as up:
        yield up


@pytest.fixture
def injector(stack: Stack) -> Iterator[Injector]:
    with Watchdog(stack.run_dir) as watchdog, Injector(stack, ["default"], watchdog) as injecting:
        yield injecting


@pytest.fixture
def decoys(stack: Stack) -> Iterator[list[Any]]:
    """A container, a network and a volume each: of another site, of another drill, and without any label."""
    labelled = {
        "site-b": {DRILL_LABEL: stack.drill_id, SITE_LABEL: "b"},
        "other-drill": {DRILL_LABEL: f"{stack.drill_id}x", SITE_LABEL: "a"},
        "no-site": {DRILL_LABEL: stack.drill_id},
        "no-drill": {SITE_LABEL: "a"},
        "bare": {},
    }
    made: list[Any] = []
    with ExitStack() as exits:
        for kind, labels in labelled.items():
            name = f"{stack.project}-decoy-{kind}"
            network = stack.docker.networks.create(name, labels=labels)
            exits.callback(network.remove)
            volume = stack.docker.volumes.create(name, labels=labels)
            exits.callback(volume.remove)
            container = stack.docker.containers.run(
                BASE,
                ["sleep", "infinity"],
                name=name,
                labels=labels,
                network=name,
                volumes={name: {"bind": "/data", "mode": "rw"}},
                init=True,
                detach=True,
            )
            exits.callback(container.remove, force=True)
            made += [network, volume, container]
        yield made


def test_all_of_the_site_is_gone_and_nothing_else(
    stack: Stack, injector: Injector, decoys: list[Any]
) -> None:
    fault = SiteLost(stack)
    injector.inject(fault, 20)
    assert stack.containers() == []
    assert stack.docker.volumes.list(filters={"name": f"{stack.project}_"}) == []
    assert stack.docker.networks.list(names=[f"{stack.project}_default"]) == []
    assert fault.describe() == (
        "Everything in site a is destroyed at once: its containers, volumes and networks."
    )
    [entry] = Journal(stack.run_dir).unhealed()
    assert entry.description == fault.describe()
    for decoy in decoys:
        decoy.reload()  # it raises NotFound for what is gone
        assert getattr(decoy, "status", "running") == "running"
    assert injector.heal() == []
    fault.heal()
    for name in catalogue():  # whatever else was active has ended with the stack
        other = from_journal(stack, {"name": name, "service": "postgres"})
        other.heal()
        other.wait_healed(1)
    assert stack.containers() == []
    stack.up()
    assert len(stack.containers()) == 4, "it can be rebuilt"


def test_a_network_that_others_are_on_stays(stack: Stack, injector: Injector) -> None:
    """As the names' server and the pager are, which belong to no site."""
    [network] = stack.docker.networks.list(names=[f"{stack.project}_default"])
    world = stack.docker.containers.run(
        BASE,
        ["sleep", "infinity"],
        name=f"{stack.project}-world",
        labels={DRILL_LABEL: stack.drill_id, SITE_LABEL: "world"},
        network=str(network.name),
        init=True,
        detach=True,
    )
    fault = SiteLost(stack)
    injector.inject(fault, 20)
    assert stack.containers() == []
    network.reload()
    assert list(network.attrs["Containers"]) == [world.id]


def test_one_container_in_the_project_without_a_label_is_enough_to_refuse(
    stack: Stack, injector: Injector
) -> None:
    labels = {"com.docker.compose.project": stack.project, "com.docker.compose.service": "intruder"}
    intruder = stack.docker.containers.run(
        BASE, ["sleep", "infinity"], name=f"{stack.project}-intruder", labels=labels, init=True, detach=True
    )
    try:
        with pytest.raises(GuardRefused, match="does not carry the label"):
            injector.inject(SiteLost(stack), 1)
        assert all(container.status == "running" for container in stack.containers())
        assert len(stack.containers()) == 5
    finally:
        intruder.remove(force=True)
