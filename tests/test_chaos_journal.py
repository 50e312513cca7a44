"""The journal of faults: on disk first, whole or void line by line, whatever tore the file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chaos.journal import FILE, Journal, State
from chaos.kill_container import KillContainer
from chaos.latency import Latency
from stack.stack import Stack


def _stack(folder: Path) -> Stack:
    return Stack("journal-1", folder)


def test_a_fault_is_in_the_file_before_it_is_injected(tmp_path: Path) -> None:
    stack, journal = _stack(tmp_path), Journal(tmp_path)
    key = journal.begin(stack, KillContainer(stack, "dashboard"))
    [entry] = Journal(tmp_path).unhealed()
    assert (entry.id, entry.state) == (key, State.INJECT)
    assert entry.fault == {"name": "kill-container", "service": "dashboard"}
    line = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert (line["drill_id"], line["project"]) == ("journal-1", "dr-journal-1-a")
    assert (line["run_dir"], line["services"]) == (str(tmp_path), ["dashboard"])


def test_healed_faults_are_no_longer_unhealed_and_the_last_one_is_healed_first(tmp_path: Path) -> None:
    stack, journal = _stack(tmp_path), Journal(tmp_path)
    keys = [journal.begin(stack, KillContainer(stack, service)) for service in ("edge", "redis", "dns")]
    journal.injected(keys[0])
    journal.injected(keys[1])
    journal.healed(keys[1])
    assert [entry.id for entry in journal.unhealed()] == [keys[2], keys[0]]
    assert [entry.state for entry in journal.entries()] == [State.INJECTED, State.HEALED, State.INJECT]


def test_without_a_file_nothing_is_unhealed(tmp_path: Path) -> None:
    assert Journal(tmp_path).unhealed() == []


def test_a_line_after_a_torn_one_is_not_lost(tmp_path: Path) -> None:
    stack, journal = _stack(tmp_path), Journal(tmp_path)
    with journal.path.open("ab") as file:
        file.write(b'{"id": "feed", "state": "inj')
    key = journal.begin(stack, KillContainer(stack, "dashboard"))
    assert [entry.id for entry in journal.unhealed()] == [key]


def test_a_torn_healed_line_leaves_the_fault_to_be_healed_again(tmp_path: Path) -> None:
    stack, journal = _stack(tmp_path), Journal(tmp_path)
    key = journal.begin(stack, KillContainer(stack, "dashboard"))
    journal.healed(key)
    data = journal.path.read_bytes()
    journal.path.write_bytes(data[:-5])
    assert [entry.id for entry in journal.unhealed()] == [key]


def test_foreign_lines_and_states_of_another_version_are_passed_over(tmp_path: Path) -> None:
    stack, journal = _stack(tmp_path), Journal(tmp_path)
    key = journal.begin(stack, KillContainer(stack, "dashboard"))
    with journal.path.open("ab") as file:
        file.write(b'\xff\xfe\n[1]\n"text"\n{"state": "healed"}\n{"id": "x", "state": "inject"}\n')
        file.write(json.dumps({"id": key, "state": "suspended"}).encode() + b"\n")
    assert [entry.id for entry in journal.unhealed()] == [key]


@given(faults=st.lists(st.booleans(), min_size=1, max_size=5), cut=st.integers(min_value=0, max_value=4000))
def test_cut_anywhere_the_whole_lines_still_count(faults: list[bool], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        stack, journal = _stack(run_dir), Journal(run_dir)
        for heal in faults:
            key = journal.begin(stack, Latency(stack, latency_ms=7))
            if heal:
                journal.healed(key)
        written = (run_dir / FILE).read_bytes()
        kept = written[:cut]
        (run_dir / FILE).write_bytes(kept)
        # Not by its last byte: a line can also be cut just behind an inner brace.
        complete = set(written.splitlines())
        whole = [json.loads(line) for line in kept.splitlines() if line in complete]
        begun = [line["id"] for line in whole if line["state"] == "inject"]
        healed = {line["id"] for line in whole if line["state"] == "healed"}
        expected = [key for key in reversed(begun) if key not in healed]
        assert [entry.id for entry in journal.unhealed()] == expected
