"""Clearing up after runs: their faults are healed, and what carries their label is removed.

Nothing without our label is touched, nothing of a run whose process lives, nothing that the operator kept,
and nothing of another checkout: a run is ours when its folder lies under our own ``reports/out``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors

from chaos.healing import TIMEOUT_S, heal_run
from chaos.journal import FILE, Journal
from chaos.runs import is_alive, is_kept
from stack.at_once import at_once
from stack.stack import DRILL_LABEL, RUN_DIR_LABEL
from stack.wait import NotReached, wait_until

GONE_TIMEOUT_S = 30.0
_Filters = dict[str, str | list[str] | bool]


@dataclass(frozen=True)
class Swept:
    """How many things of one run were removed; ``left`` names those that could not be."""

    containers: int = 0
    networks: int = 0
    volumes: int = 0
    images: int = 0
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        removed = (
            f"removed {self.containers} containers, {self.networks} networks, "
            f"{self.volumes} volumes, {self.images} images"
        )
        return f"{removed}; left: {', '.join(self.left)}" if self.left else removed


@dataclass(frozen=True)
class Reaped:
    """What dead runs had left: a sentence a healed fault, one a problem, and what was removed of each run."""

    healed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    swept: dict[str, Swept] = field(default_factory=dict)


def reap(client: docker.DockerClient, root: Path, timeout_s: float = TIMEOUT_S) -> Reaped:
    """Heal and remove what dead runs under ``root`` have left; their reports stay.

    :param root: the folder of the run folders, ``reports/out``.
    :param timeout_s: for each fault to be healed.
    """
    root = root.resolve()
    labelled = {
        folder: drill_id for drill_id, folder in _labelled_runs(client).items() if folder.parent == root
    }
    reaped = Reaped()
    for run_dir in sorted({*labelled, *_with_faults(root)}):
        if is_alive(run_dir):
            continue
        outcome = heal_run(run_dir, timeout_s)
        drill_id = labelled.get(run_dir)
        if drill_id and not is_kept(run_dir):
            swept = sweep(client, drill_id)
            reaped.swept[drill_id] = swept
            reaped.problems.extend(f"{drill_id}: {left} could not be removed" for left in swept.left)
            if outcome.problems:
                # Most faults cannot outlive their containers: what is told is what did.
                outcome = heal_run(run_dir, timeout_s)
        reaped.healed.extend(f"{run_dir.name}: {healed}" for healed in outcome.healed)
        reaped.problems.extend(f"{run_dir.name}: {problem}" for problem in outcome.problems)
    return reaped


def sweep(client: docker.DockerClient, drill_id: str, timeout_s: float = GONE_TIMEOUT_S) -> Swept:
    """Remove every container, network, volume and image that carries the label of ``drill_id``.

    Images go last, containers first: each kind only when nothing of the run uses it any more.

    :param timeout_s: seconds that each kind may take.
    """
    counts = {kind: _remove(listing, remove, timeout_s) for kind, listing, remove in _kinds(client, drill_id)}
    left = [
        f"{kind.removesuffix('s')} {_name(item)}"
        for kind, listing, _ in _kinds(client, drill_id)
        for item in listing()
    ]
    return Swept(**counts, left=left)


def _with_faults(root: Path) -> list[Path]:
    folders = [journal.parent for journal in root.glob(f"*/{FILE}")]
    return [folder for folder in folders if not folder.is_symlink() and Journal(folder).unhealed()]


def _labelled_runs(client: docker.DockerClient) -> dict[str, Path]:
    """The folder of every run of which something is still there, by its drill id."""
    wanted: _Filters = {"label": [DRILL_LABEL, RUN_DIR_LABEL]}
    labels: list[dict[str, str]] = [
        *(item.attrs["Labels"] for item in client.containers.list(all=True, sparse=True, filters=wanted)),
        *(item.attrs["Labels"] for item in client.networks.list(filters=wanted)),
        *(item.attrs["Labels"] for item in client.volumes.list(filters=wanted)),
        # Not as images, each of which would be looked at: somebody may be removing his own just now.
        *(item["Labels"] for item in client.api.images(filters=wanted)),
    ]
    return {label[DRILL_LABEL]: Path(label[RUN_DIR_LABEL]) for label in labels}


_Kind = tuple[str, Callable[[], Sequence[Any]], Callable[[Any], None]]


def _kinds(client: docker.DockerClient, drill_id: str) -> Iterable[_Kind]:
    """Each kind of thing with how to list and how to remove it, in the order to remove them in."""
    mine: _Filters = {"label": f"{DRILL_LABEL}={drill_id}"}
    return (
        (
            "containers",
            lambda: client.containers.list(all=True, sparse=True, filters=mine),
            lambda item: item.remove(force=True, v=True),
        ),
        ("networks", lambda: client.networks.list(filters=mine), lambda item: item.remove()),
        ("volumes", lambda: client.volumes.list(filters=mine), lambda item: item.remove(force=True)),
        (
            "images",
            lambda: client.images.list(filters=mine),
            lambda item: client.images.remove(item.id, force=True),
        ),
    )


def _remove(listing: Callable[[], Sequence[Any]], remove: Callable[[Any], None], timeout_s: float) -> int:
    """Remove all that ``listing`` gives, and return how many of them are gone."""
    first = {item.id for item in listing()}

    def gone() -> bool:
        at_once(listing(), remove)
        return not listing()

    if first:
        with suppress(NotReached):  # what is left is listed by the caller, thing by thing
            wait_until(gone, timeout_s=timeout_s, what="everything is removed", every_s=0.2)
    return len(first - {item.id for item in listing()})


def _name(item: Any) -> str:
    tags = getattr(item, "tags", None)
    return str(tags[0] if tags else getattr(item, "name", item.id))
