"""What earlier drills of a run wrote and what survived them: it must survive the next one too.

A loss beyond the RPO shows only where there are writes that are older than it. Those of the drills before are as
good as those of a load that is held for that long, and there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from measure.history import Fate
from measure.jsonl import LineReader, LineWriter


@dataclass(frozen=True, slots=True)
class _Write:
    """An acknowledged write that has survived so far; times in monotonic seconds."""

    value: str
    invoked: float
    acknowledged: float


@dataclass
class Carried:
    """The acknowledged writes of the drills so far that are still there."""

    _writes: dict[str, _Write] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """Of all of them."""
        return list(self._writes)

    @property
    def oldest(self) -> float | None:
        """When the oldest was acknowledged, in monotonic seconds; None when there is none."""
        return min((each.acknowledged for each in self._writes.values()), default=None)

    def add(self, histories: Iterable[Path], survivors: Path) -> None:
        """Take in what a drill's writers had acknowledged, as far as it is among the survivors.

        :raises ValueError: for a line that is not JSON.
        :raises KeyError: for one that is no line of a history.
        """
        survived = _ids(survivors)
        for history in histories:
            invoked: dict[str, tuple[str, float]] = {}
            for line in LineReader(history).read():
                if line["kind"] == "invoke":
                    invoked[line["id"]] = line["value"], line["t"]
                elif line["kind"] == Fate.OK and line["id"] in survived and line["id"] in invoked:
                    self._writes[line["id"]] = _Write(*invoked[line["id"]], line["t"])

    def keep(self, survivors: Path) -> None:
        """Forget what is no longer there: it was counted as lost once, by the drill that lost it."""
        survived = _ids(survivors)
        self._writes = {key: write for key, write in self._writes.items() if key in survived}

    def forget(self) -> None:
        """Begin anew, on a stack that has none of it."""
        self._writes.clear()

    def write(self, path: Path) -> None:
        """Append all of them to ``path`` as a history (:mod:`measure.history`)."""
        with LineWriter(path) as lines:
            for n, (key, each) in enumerate(self._writes.items()):
                lines.write({"n": n, "id": key, "kind": "invoke", "t": each.invoked, "value": each.value})
                lines.write({"n": n, "id": key, "kind": Fate.OK.value, "t": each.acknowledged})


def _ids(survivors: Path) -> set[str]:
    return {line["id"] for line in LineReader(survivors).read()}
