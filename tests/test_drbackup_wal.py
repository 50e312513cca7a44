"""The way through the log: every gap is found, the newest segment is the last, timelines are followed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from drbackup.wal import (
    DEFAULT_SEGMENT_SIZE,
    Inventory,
    NoWay,
    Segment,
    check_segment,
    find_route,
    format_lsn,
    left_behind,
    parse_lsn,
    segment_name,
    take_stock,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backup_samples import SEGMENT, SYSTEM, write_history, write_segment


def names(segments: Sequence[Segment]) -> list[str]:
    return [segment.path.name for segment in segments]


@given(st.integers(0, (1 << 64) - 1))
def test_a_position_reads_as_it_is_written(lsn: int) -> None:
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_names_are_postgresqls() -> None:
    assert segment_name(1, 7) == "000000010000000000000007"
    assert segment_name(0x1F, 0x1FF) == "0000001F00000001000000FF"
    assert segment_name(1, 4096, SEGMENT) == "000000010000000100000000"


def stock(numbers: set[int], partial: int | None = None) -> Inventory:
    """A log of one timeline, without files."""
    found = Inventory(SEGMENT)
    for number in numbers:
        found.complete[1, number] = Segment(1, number, Path(segment_name(1, number, SEGMENT)), False)
    if partial is not None:
        found.partial[1, partial] = Segment(
            1, partial, Path(segment_name(1, partial, SEGMENT) + ".partial"), True
        )
    return found


@given(numbers=st.sets(st.integers(0, 30)), partial=st.none() | st.integers(0, 32), start=st.integers(0, 30))
def test_the_way_is_what_lies_without_a_gap_from_its_start(
    numbers: set[int], partial: int | None, start: int
) -> None:
    there = numbers | ({partial} if partial is not None else set())
    # A partial segment ends the way, unless it is there complete as well.
    reach: list[int] = []
    number = start
    while number in numbers or (number == partial and number == max(there)):
        reach.append(number)
        number += 1
    log = stock(numbers, partial)
    if not reach:
        with pytest.raises(NoWay) as error:
            find_route(log, 1, start * SEGMENT + 40)
        assert error.value.fault == "wal-gap"
        return
    route = find_route(log, 1, start * SEGMENT + 40)
    assert [segment.number for segment in route.segments] == reach
    assert (route.gap is None) == (reach[-1] == max(there))
    if route.gap:
        assert segment_name(1, number, SEGMENT) in route.gap


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(missing=st.integers(4, 8))
def test_any_segment_that_is_taken_away_is_named(
    tmp_path_factory: pytest.TempPathFactory, missing: int
) -> None:
    wal = tmp_path_factory.mktemp("wal")
    for number in range(3, 9):
        write_segment(wal, number)
    write_segment(wal, 9, partial=True)
    (wal / segment_name(1, missing, SEGMENT)).unlink()
    route = find_route(take_stock([wal]), 1, 3 * SEGMENT)
    assert route.gap is not None
    assert segment_name(1, missing, SEGMENT) in route.gap
    assert [segment.number for segment in route.segments] == list(range(3, missing))


def test_the_partial_segment_is_the_newest(tmp_path: Path) -> None:
    write_segment(tmp_path, 3)
    write_segment(tmp_path, 4, partial=True)
    (tmp_path / ".000000010000000000000005.part").touch()
    route = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert names(route.segments) == ["000000010000000000000003", "000000010000000000000004.partial"]
    assert route.segments[-1].name == "000000010000000000000004"


def test_a_complete_segment_goes_before_a_partial_one_and_the_vault_before_the_archive(
    tmp_path: Path,
) -> None:
    vault, archive = tmp_path / "vault", tmp_path / "archive"
    write_segment(vault, 3)
    write_segment(vault, 4, partial=True)
    write_segment(archive, 3)
    write_segment(archive, 4)
    route = find_route(take_stock([vault, archive]), 1, 3 * SEGMENT)
    assert [segment.path.parent.name for segment in route.segments] == ["vault", "archive"]
    assert not route.segments[-1].partial


def test_a_promotion_is_followed_to_the_new_timeline(tmp_path: Path) -> None:
    for number in (3, 4):
        write_segment(tmp_path, number)
    write_segment(tmp_path, 5, partial=True)
    for number in (5, 6):
        write_segment(tmp_path, number, timeline=2)
    write_history(tmp_path, 2, [(1, 5 * SEGMENT + 100)])
    route = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert (route.timeline, route.gap) == (2, None)
    assert [(segment.timeline, segment.number) for segment in route.segments] == [
        (1, 3),
        (1, 4),
        (2, 5),
        (2, 6),
    ]


def test_a_timeline_that_left_before_the_base_ended_is_not_followed(tmp_path: Path) -> None:
    for number in (3, 4):
        write_segment(tmp_path, number)
    write_segment(tmp_path, 3, timeline=2)
    write_history(tmp_path, 2, [(1, 3 * SEGMENT + 100)])
    route = find_route(take_stock([tmp_path]), 1, 4 * SEGMENT)
    assert (route.timeline, route.gap) == (1, None)


@pytest.mark.parametrize(
    ("timeline", "end", "why"),
    [
        (1, 5 * SEGMENT, ""),
        (1, 5 * SEGMENT + 1, "left its timeline 1 at 0/500000, before it ends at 0/500001"),
        (2, 9 * SEGMENT, "does not descend from its timeline 2"),
        (3, 9 * SEGMENT, ""),
        (4, 9 * SEGMENT, ""),
    ],
    ids=["before it was left", "after it was left", "left altogether", "the newest", "none knows of it"],
)
def test_what_the_newest_timeline_has_left_behind(tmp_path: Path, timeline: int, end: int, why: str) -> None:
    """Timelines 2 and 3 are two recoveries from the first."""
    write_history(tmp_path, 2, [(1, 7 * SEGMENT)])
    write_history(tmp_path, 3, [(1, 5 * SEGMENT)])
    (tmp_path / "00000004.history").touch()
    found = left_behind(take_stock([tmp_path]), timeline, end)
    assert found == (f"timeline 3 {why}" if why else "")


def test_a_log_without_histories_leaves_nothing_behind() -> None:
    assert left_behind(Inventory(), 1, 5 * SEGMENT) == ""


def test_a_new_timeline_without_its_first_segment_is_a_gap(tmp_path: Path) -> None:
    for number in (3, 4):
        write_segment(tmp_path, number)
    write_segment(tmp_path, 6, timeline=2)
    write_history(tmp_path, 2, [(1, 5 * SEGMENT + 100)])
    route = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert route.gap is not None
    assert segment_name(2, 5, SEGMENT) in route.gap


def refused(path: Path, system: str = str(SYSTEM)) -> str:
    log = take_stock([path.parent])
    segment = next(iter([*log.complete.values(), *log.partial.values()]))
    with pytest.raises(NoWay) as error:
        check_segment(segment, log, system)
    assert error.value.fault == "wal-segment"
    return str(error.value)


def test_a_segment_is_looked_at(tmp_path: Path) -> None:
    path = write_segment(tmp_path, 3)
    log = take_stock([tmp_path])
    check_segment(log.complete[1, 3], log, str(SYSTEM))
    assert "another database cluster" in refused(path, "1")
    path.rename(tmp_path / segment_name(1, 4, SEGMENT))
    assert "does not hold" in refused(path.with_name(segment_name(1, 4, SEGMENT)))


def test_an_empty_segment_is_none(tmp_path: Path) -> None:
    path = tmp_path / segment_name(1, 3)
    path.touch()
    assert f"instead of {DEFAULT_SEGMENT_SIZE}" in refused(path)


def test_a_partial_segment_that_was_only_begun_is_fine(tmp_path: Path) -> None:
    path = tmp_path / f"{segment_name(1, 3)}.partial"
    path.write_bytes(bytes(DEFAULT_SEGMENT_SIZE))
    log = take_stock([tmp_path])
    check_segment(log.partial[1, 3], log, str(SYSTEM))


def test_a_recovery_to_a_moment_before_its_parent_began_cuts_the_parent_off(tmp_path: Path) -> None:
    """Back to a moment, and then to an earlier one: PostgreSQL writes down both branches, the later one first."""
    for timeline, numbers in ((1, range(3, 9)), (2, (8,)), (3, (6, 7))):
        for number in numbers:
            write_segment(tmp_path, number, timeline=timeline)
    write_history(tmp_path, 2, [(1, 8 * SEGMENT + 100)])
    write_history(tmp_path, 3, [(1, 8 * SEGMENT + 100), (2, 6 * SEGMENT + 100)])
    log = take_stock([tmp_path])
    assert log.histories[3] == [(1, 6 * SEGMENT + 100)]
    route = find_route(log, 1, 3 * SEGMENT)
    assert (route.timeline, route.gap) == (3, None)
    assert [segment.number for segment in route.segments] == [3, 4, 5, 6, 7]
    assert "left its timeline 1" in left_behind(log, 1, 7 * SEGMENT + 300)
    assert "does not descend from its timeline 2" in left_behind(log, 2, 8 * SEGMENT + 300)
    assert left_behind(log, 1, 5 * SEGMENT) == ""


@pytest.mark.parametrize("partial", [False, True])
def test_a_timeline_of_which_nothing_is_there_yet_is_followed_to_its_branch(
    tmp_path: Path, partial: bool
) -> None:
    """After a recovery: what its parent had behind the branch is undone, and no segment of its own is full yet."""
    for number in (3, 4):
        write_segment(tmp_path, number)
    write_segment(tmp_path, 5, partial=partial)
    if not partial:
        write_segment(tmp_path, 6)
    write_history(tmp_path, 2, [(1, 5 * SEGMENT + 100)])
    route = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert (route.timeline, route.gap) == (2, None)
    assert [(each.timeline, each.number, each.left) for each in route.segments] == [
        (1, 3, None),
        (1, 4, None),
        (1, 5, 5 * SEGMENT + 100),
    ]
    assert route.lost.startswith(
        "of timeline 2 no log is there yet: what was written since it began at 0/500064"
    )


def test_a_branch_where_a_segment_ends_needs_nothing_of_the_next(tmp_path: Path) -> None:
    for number in (3, 4, 5):
        write_segment(tmp_path, number)
    write_history(tmp_path, 2, [(1, 5 * SEGMENT)])
    route = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert [(each.timeline, each.number) for each in route.segments] == [(1, 3), (1, 4)]
    assert route.gap is None


def test_a_segment_that_is_damaged_in_the_vault_is_taken_from_the_archive(tmp_path: Path) -> None:
    vault, archive = tmp_path / "vault", tmp_path / "archive"
    for folder in (vault, archive):
        for number in (3, 4, 5):
            write_segment(folder, number)
    (vault / segment_name(1, 3, SEGMENT)).write_bytes(bytes(SEGMENT))
    (vault / segment_name(1, 4, SEGMENT)).write_bytes(b"")
    (archive / segment_name(1, 5, SEGMENT)).write_bytes(bytes(SEGMENT))
    route = find_route(take_stock([vault, archive]), 1, 3 * SEGMENT)
    assert [each.path.parent.name for each in route.segments] == ["archive", "archive", "vault"]


def test_as_if_no_later_timeline_had_begun(tmp_path: Path) -> None:
    """What was moved out of the way then is there too; the server is told of every history all the same."""
    for number in (3, 4):
        write_segment(tmp_path, number)
    for number in (4, 5):
        write_segment(tmp_path, number, timeline=2)
    write_segment(tmp_path / "aside.20261124_113000", 5)
    write_history(tmp_path, 2, [(1, 4 * SEGMENT + 900)])
    now = find_route(take_stock([tmp_path]), 1, 3 * SEGMENT)
    assert [(each.timeline, each.number) for each in now.segments] == [(1, 3), (2, 4), (2, 5)]
    log = take_stock([tmp_path], timeline=1)
    before = find_route(log, 1, 3 * SEGMENT)
    assert [(each.timeline, each.number) for each in before.segments] == [(1, 3), (1, 4), (1, 5)]
    assert list(log.history_files) == [2]
    assert left_behind(log, 1, 5 * SEGMENT) == ""
