"""The event journal: whatever is changed, dropped, added or moved in it is found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.events import GENESIS, EventLog, verify


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for n in range(5):
            log.add("step", {"n": n, "text": "ä → \ud800" if n == 3 else "ok"})
    return path


def test_intact_chain(journal: Path) -> None:
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    found = verify(journal)
    assert (found.intact, found.events, found.torn, found.problem) == (True, 5, False, "")
    assert found.head == lines[-1]["hash"]
    assert lines[0]["prev"] == GENESIS
    assert set(lines[0]) == {"seq", "utc", "t", "kind", "data", "prev", "hash"}


def _rehash_nothing(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"n": 1', '"n": 7'), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (_rehash_nothing, 2, "was changed"),
        (lambda lines: lines[:2] + lines[3:], 3, "lines are missing"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1, "out of order"),
        (lambda lines: [*lines, lines[-1]], 6, "lines are missing, added"),
        (lambda lines: [*lines[:3], "nonsense\n", *lines[3:]], 4, "no JSON"),
        (lambda lines: [*lines[:3], "[]\n", *lines[3:]], 4, "no event"),
        (lambda lines: [lines[0], lines[1].replace(GENESIS[:8], "1" * 8), *lines[2:]], None, ""),
    ],
)
def test_tampering_is_found(
    journal: Path, change: Callable[[list[str]], list[str]], line: int | None, says: str
) -> None:
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(change(lines)))
    found = verify(journal)
    if line is None:
        assert found.intact
        return
    assert not found.intact
    assert found.events == line - 1
    assert found.problem.startswith(f"line {line}: ")
    assert says in found.problem


def test_rewritten_line_breaks_the_next_one(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    with EventLog(other) as log:
        log.add("step", {"n": 0, "text": "forged"})
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([other.read_text(), *lines[1:]]))
    assert verify(journal).problem == "line 2: does not follow from the line before it"


def test_line_cut_off_at_the_end_is_told_and_breaks_nothing(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[:-20])
    found = verify(journal)
    assert (found.intact, found.torn, found.events) == (True, True, 4)


def test_chain_has_one_writer(journal: Path) -> None:
    with pytest.raises(FileExistsError):
        EventLog(journal)


def test_is_on_disk_before_it_is_closed_and_safe_in_threads(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)

    def add() -> None:
        for _ in range(50):
            log.add("x")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(path).events == 200
    assert verify(path).intact
    log.close()
    log.close()
