"""What retention may remove: never what would be missed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from drbackup import layout
from drbackup.errors import Cannot
from drbackup.layout import Backup
from drbackup.manifest import KINDS, Kind, Manifest
from drbackup.retention import expired, obsolete_wal, thin_out
from drbackup.settings import Settings
from drbackup.wal import format_lsn, segment_name
from hypothesis import given
from hypothesis import strategies as st

from tests.backup_files import NOW, made, spoil

KEEP = timedelta(days=30)


def backup(kind: Kind, days: float, has_manifest: bool = True, number: int = 0) -> Backup:
    when = NOW - timedelta(days=days)
    manifest = Manifest(kind, "it", 1, "ab" * 32, when, when) if has_manifest else None
    return Backup(kind, Path(f"{kind}_{number}"), when, manifest)


def age(of: Backup) -> timedelta:
    return NOW - of.named


SETS = st.tuples(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from(("good", "bad", "unfinished"))), max_size=40),
)


@given(SETS)
def test_the_last_good_backup_stays_and_so_does_every_base_that_is_needed(
    drawn: tuple[Kind, list[tuple[int, str]]],
) -> None:
    kind, states = drawn
    backups = [backup(kind, days, state != "unfinished", n) for n, (days, state) in enumerate(states)]
    good = [each for each, (_, state) in zip(backups, states, strict=True) if state == "good"]
    gone = expired(backups, NOW, KEEP, good.__contains__)
    stay = [each for each in backups if each not in gone]

    assert all(age(each) > KEEP for each in gone), "what is younger than the retention stays"
    if good:
        assert any(each in stay for each in good if age(each) == min(map(age, good))), "the newest good one"
    else:
        assert not gone, "nothing is good: nothing is removed"
    before = [each for each in good if age(each) > KEEP]
    if kind == "base" and before:
        youngest = min(map(age, before))
        assert any(age(each) == youngest for each in stay if each in before), (
            "the base from which the oldest moment within the retention is reached"
        )
    allowed = 2 if kind == "base" else 1
    if gone:
        assert sum(age(each) > KEEP for each in stay) <= allowed, "and the old rest goes"


@given(SETS)
def test_it_asks_of_few_whether_they_are_good(drawn: tuple[Kind, list[tuple[int, str]]]) -> None:
    """Each question reads a whole backup: two are enough where the newest are good."""
    kind, states = drawn
    backups = [backup(kind, days, True, n) for n, (days, _) in enumerate(states)]
    asked: list[Backup] = []

    def is_good(each: Backup) -> bool:
        asked.append(each)
        return True

    expired(backups, NOW, KEEP, is_good)
    assert len(asked) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_is_wrong_removes_nothing(kind: Kind) -> None:
    with pytest.raises(Cannot, match="the clock is wrong"):
        expired([backup(kind, -2), backup(kind, 40)], NOW, KEEP, lambda _: True)


def test_wal_before_the_oldest_base_goes_and_histories_never_do() -> None:
    base = replace(backup("base", 0).manifest or pytest.fail("no manifest"), wal_lsn="1/A000028")
    names = [
        "00000001000000010000000A",
        "000000010000000100000009",
        "000000020000000100000009",
        "000000010000000100000009.00000028.backup",
        "0000000100000000000000FF",
        "00000001000000010000000B.partial",
        "000000010000000100000008.partial",
        "00000002.history",
        "aside.20261124_030000",
        ".000000010000000100000001.part",
    ]
    files = dict.fromkeys(names, 16 << 20)
    assert set(obsolete_wal(files, [base])) == {names[1], names[2], names[3], names[4], names[6]}
    assert obsolete_wal(files, [base, replace(base, wal_lsn=None)]) == []
    assert obsolete_wal(files, []) == []
    assert obsolete_wal(dict.fromkeys(names, 5), [base]) == [], "how large segments are is not known"


@pytest.mark.parametrize("megabytes", [1, 16, 64, 1024])
def test_what_a_segment_is_called_hangs_on_how_large_segments_are(megabytes: int) -> None:
    size = megabytes << 20
    base = replace(
        backup("base", 0).manifest or pytest.fail("no manifest"), wal_lsn=format_lsn(20 * size + 40)
    )
    names = [segment_name(1, number, size) for number in range(18, 24)]
    assert obsolete_wal(dict.fromkeys(names, size), [base]) == names[:2]


def segment(path: Path) -> None:
    """A segment without content, of the usual size."""
    path.touch()
    os.truncate(path, 16 << 20)


def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path / "backups", wal_archive=tmp_path / "wal", vault="")


def left(root: Path, kind: Kind) -> Sequence[int]:
    """The ages, in days, of what is there."""
    return [(NOW - each.named).days for each in layout.listing(root, kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_on_disk_bad_backups_do_not_count(tmp_path: Path, kind: Kind) -> None:
    it = settings(tmp_path)
    paths = {days: made(it.root, kind, days) for days in (50, 40, 35, 20, 1)}
    for days in (1, 20, 35):
        spoil(paths[days])
    thin_out(it, NOW)
    assert left(it.root, kind) == [40, 20, 1]


def test_on_disk_a_dry_run_removes_nothing_and_a_run_leaves_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it = settings(tmp_path)
    it.wal_archive.mkdir()
    for days, lsn in ((60, "0/2000028"), (40, "0/4000028"), (1, "0/6000028")):
        made(it.root, "base", days, lsn)
    for number in range(1, 8):
        segment(it.wal_archive / f"00000001000000000000000{number}")
    thin_out(it, NOW, dry_run=True)
    assert left(it.root, "base") == [60, 40, 1]
    assert "would be removed" in capsys.readouterr().err
    thin_out(it, NOW)
    assert left(it.root, "base") == [40, 1]
    assert len(list(layout.folder(it.root, "base").iterdir())) == 4
    assert [path.name[-1] for path in sorted(it.wal_archive.iterdir())] == ["4", "5", "6", "7"]


def test_on_disk_a_younger_base_of_another_timeline_keeps_the_log_that_it_needs(tmp_path: Path) -> None:
    """After a recovery to a moment, a new timeline goes on at a lower position than bases of the old one."""
    it = settings(tmp_path)
    it.wal_archive.mkdir()
    for days, lsn in ((60, "0/2000028"), (40, "0/6000028"), (1, "0/4000028")):
        made(it.root, "base", days, lsn)
    for timeline, segments in ((1, range(1, 8)), (2, range(4, 7))):
        for number in segments:
            segment(it.wal_archive / f"{timeline:08X}{0:08X}{number:08X}")
    thin_out(it, NOW)
    assert left(it.root, "base") == [40, 1]
    there = [(path.name[7], path.name[-1]) for path in sorted(it.wal_archive.iterdir())]
    assert there == [("1", each) for each in "4567"] + [("2", each) for each in "456"]


def test_on_disk_no_base_no_wal_is_removed(tmp_path: Path) -> None:
    it = settings(tmp_path)
    it.wal_archive.mkdir()
    segment(it.wal_archive / "000000010000000000000001")
    thin_out(it, NOW)
    assert len(list(it.wal_archive.iterdir())) == 1


def test_on_disk_most_of_a_kind_goes_at_once_only_when_somebody_says_so(tmp_path: Path) -> None:
    """A clock that has leapt forward by two months makes tonight's backup the only one that is not too old."""
    it = settings(tmp_path)
    ages = [0, *range(60, 68)]
    for days in ages:
        made(it.root, "dump", days)
    with pytest.raises(
        Cannot, match="8 of 9 backups of the kind dump are too old at once: is the clock right"
    ):
        thin_out(it, NOW)
    assert sorted(left(it.root, "dump")) == ages
    thin_out(it, NOW, most=True)
    assert left(it.root, "dump") == [0]


def test_on_disk_a_few_may_be_most(tmp_path: Path) -> None:
    it = settings(tmp_path)
    for days in (0, 60, 61, 62):
        made(it.root, "dump", days)
    thin_out(it, NOW)
    assert left(it.root, "dump") == [0]
