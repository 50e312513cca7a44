"""The figures at the head of the report say what is meant."""

from __future__ import annotations

from pathlib import Path

from measure.verdict import Verdict
from reports.headline import tiles
from reports.record import Record
from tests.sample_record import sample


def with_ledgers(folder: Path, verdict: Verdict) -> Record:
    """Each drill has lost seven writes, all of them after its fault."""
    record = sample(folder)
    drills = [
        drill.model_copy(
            update={
                "ledger": drill.ledger.model_copy(
                    update={"acked": 100, "lost": 7, "lost_after_fault": 7, "verdict": verdict}
                )
            }
        )
        for drill in record.drills
        if drill.ledger
    ][:1]
    assert drills
    return record.model_copy(update={"drills": drills})


def test_what_was_given_up_with_a_mistake_is_not_lost(tmp_path: Path) -> None:
    [tile] = [
        tile
        for tile in tiles(with_ledgers(tmp_path, Verdict.PASS))
        if tile.label == "Acknowledged writes lost"
    ]
    assert tile.value == "0 of 100"
    assert "7 writes given up with a mistake" in tile.detail


def test_what_was_lost_after_a_fault_is(tmp_path: Path) -> None:
    [tile] = [
        tile
        for tile in tiles(with_ledgers(tmp_path, Verdict.FAIL))
        if tile.label == "Acknowledged writes lost"
    ]
    assert tile.value == "7 of 100"
    assert "given up" not in tile.detail
