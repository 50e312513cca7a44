"""What earlier drills wrote: it counts in the next one's ledger, and is lost once only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from measure import ledger
from measure.carried import Carried
from measure.history import Fate, History
from measure.verdict import Verdict


def written(path: Path, prefix: str, fates: str) -> list[str]:
    """The ids of a history with one operation a letter: o(k), f(ail), i(nfo); its value is its letter."""
    history = History(path, prefix)
    ids = []
    for letter in fates:
        operation = history.invoke(letter)
        history.settle(operation, {"o": Fate.OK, "f": Fate.FAIL, "i": Fate.INFO}[letter])
        ids.append(operation.id)
    history.close()
    return ids


def rows(path: Path, ids: list[str], value: str = "o") -> Path:
    path.write_text("".join(json.dumps({"id": each, "value": value}) + "\n" for each in ids))
    return path


def test_only_what_was_acknowledged_and_is_there_is_carried(tmp_path: Path) -> None:
    api = written(tmp_path / "api", "api", "oofi")
    sql = written(tmp_path / "sql", "sql", "oo")
    carried = Carried()
    assert (carried.ids, carried.oldest) == ([], None)
    carried.add([tmp_path / "api", tmp_path / "sql"], rows(tmp_path / "rows", [api[0], api[3], sql[1]]))
    assert carried.ids == [api[0], sql[1]]
    lines = [json.loads(line) for line in (tmp_path / "api").read_text().splitlines()]
    assert carried.oldest == next(line["t"] for line in lines if line["kind"] == "ok")
    carried.forget()
    assert carried.ids == []


def test_what_a_drill_loses_of_it_is_lost_beyond_the_rpo_and_once(tmp_path: Path) -> None:
    first = written(tmp_path / "first", "api", "oooo")
    carried = Carried()
    carried.add([tmp_path / "first"], rows(tmp_path / "rows", first))

    second = written(tmp_path / "second", "api", "o")
    carried.write(tmp_path / "whole")
    with (tmp_path / "whole").open("a") as whole:
        whole.write((tmp_path / "second").read_text())
    assert carried.oldest is not None
    fault_at = carried.oldest + 100.0

    survived = rows(tmp_path / "all", [*first, *second])
    sound = ledger.check(tmp_path / "whole", survived, fault_at, 60.0)
    assert (sound.verdict, sound.acked, sound.lost) == (Verdict.PASS, 5, 0)

    survived = rows(tmp_path / "fewer", [*first[1:], *second])
    short = ledger.check(tmp_path / "whole", survived, fault_at, 60.0)
    assert (short.verdict, short.lost) == (Verdict.FAIL, 1)
    assert short.rpo_actual_s == pytest.approx(100.0, abs=0.01)

    carried.keep(survived)
    carried.add([tmp_path / "second"], survived)
    assert carried.ids == [*first[1:], *second]
