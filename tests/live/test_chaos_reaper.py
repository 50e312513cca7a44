"""Clearing up: dead runs go, the living, the kept and the foreign stay."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from docker.models.containers import Container

from chaos.bad_image import BadImage
from chaos.guard import check
from chaos.journal import Journal
from chaos.kill_container import KillContainer
from chaos.reaper import reap, sweep
from reports.folder import create
from stack.stack import DRILL_LABEL, RUN_DIR_LABEL, Stack, connect
from tests.live.small_stack import new_id, small_stack

pytestmark = pytest.mark.live


def _left_by(root: Path, stacks: ExitStack) -> Stack:
    """A stack whose process has died while its container was killed."""
    drill_id = new_id()
    folder = create(root, drill_id, needed_bytes=0)
    stack = stacks.enter_context(small_stack(folder.path, drill_id))
    fault = KillContainer(stack, "dashboard")
    check(stack, fault, ["default"])
    Journal(folder.path).begin(stack, fault)
    fault.inject()
    folder.close()
    return stack


@contextmanager
def _container(name: str, labels: dict[str, str]) -> Iterator[Container]:
    container = connect().containers.run(
        "dr-drill/base:trixie", ["sleep", "infinity"], name=name, labels=labels, detach=True
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def test_a_dead_run_is_healed_and_removed(tmp_path: Path) -> None:
    with ExitStack() as stacks:
        dead = _left_by(tmp_path, stacks)
        bad = BadImage(dead, "dashboard")
        dead.container("dashboard").start()
        bad.prepare()
        bad.inject()
        reaped = reap(dead.docker, tmp_path, timeout_s=2)  # it crashes: only removing it heals
        assert dead.containers() == []
        assert reaped.problems == []
        assert reaped.healed == [
            f"{dead.drill_id}: The container of dashboard is killed (docker kill) and stays down."
        ]
        swept = reaped.swept[dead.drill_id]
        assert (swept.containers, swept.networks, swept.volumes, swept.images) == (4, 1, 1, 1)
        assert swept.left == []
        assert Journal(dead.run_dir).unhealed() == []
        assert reap(dead.docker, tmp_path).swept == {}


def test_a_dead_run_without_its_folder_is_removed(tmp_path: Path) -> None:
    with ExitStack() as stacks:
        dead = _left_by(tmp_path, stacks)
        shutil.rmtree(dead.run_dir)
        assert list(reap(dead.docker, tmp_path).swept) == [dead.drill_id]
        assert dead.containers() == []


def test_a_kept_run_is_healed_and_stays(tmp_path: Path) -> None:
    with ExitStack() as stacks:
        kept = _left_by(tmp_path, stacks)
        (kept.run_dir / "kept").touch()
        reaped = reap(kept.docker, tmp_path)
        assert len(reaped.healed) == 1
        assert reaped.swept == {}
        assert [container.status for container in kept.containers()] == ["running"] * 4


def test_the_living_and_the_foreign_are_not_touched(tmp_path: Path) -> None:
    drill_id = new_id()
    ours, others = tmp_path / "ours", tmp_path / "others"
    with ExitStack() as stacks:
        alive = create(ours, drill_id, needed_bytes=0)
        stacks.enter_context(alive)
        labels = {DRILL_LABEL: drill_id, RUN_DIR_LABEL: str(alive.path)}
        living = stacks.enter_context(_container(f"dr-{drill_id}-living", labels))
        unlabelled = stacks.enter_context(_container(f"dr-{drill_id}-unlabelled", {}))
        half = stacks.enter_context(_container(f"dr-{drill_id}-half", {DRILL_LABEL: "chaos-half"}))
        elsewhere = {DRILL_LABEL: "chaos-elsewhere", RUN_DIR_LABEL: str(others / "gone")}
        foreign = stacks.enter_context(_container(f"dr-{drill_id}-foreign", elsewhere))
        reaped = reap(connect(), ours)
        assert reaped.swept == {}
        for container in (living, unlabelled, half, foreign):
            container.reload()
            assert container.status == "running"


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    drill_id = new_id()
    client = connect()
    labels = {DRILL_LABEL: drill_id, RUN_DIR_LABEL: str(tmp_path / drill_id)}
    network = client.networks.create(f"dr-{drill_id}", labels=labels)
    with _container(f"dr-{drill_id}-foreign", {}) as foreign:
        network.connect(foreign)
        swept = sweep(client, drill_id, timeout_s=3)
        assert swept.networks == 0
        assert swept.left == [f"network dr-{drill_id}"]
        assert str(swept).endswith(f"left: network dr-{drill_id}")
        foreign.reload()
        assert foreign.status == "running"
        network.disconnect(foreign)
    assert sweep(client, drill_id).networks == 1
