"""How far a recovery must come: never further than the log that there is, and never short of a record that is whole."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from drbackup.wal import Segment, segment_name
from drbackup.wal_end import PAGE, crc32c, least_end
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.backup_samples import SEGMENT, SYSTEM

FIRST = 3


class Written:
    """A log as PostgreSQL lays it out: records behind each other, across the headers of the pages.

    :ivar data: the bytes from the beginning of segment ``FIRST`` on.
    :ivar ends: the position at which each record ends, aligned; where a page ends, it is the page's end.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.data = bytearray()
        self.ends: list[int] = []
        for n, length in enumerate(lengths):
            head = struct.pack("=IIQBBH", length, n, self.here - 8, 0, 1, 0)
            data = random.Random(n).randbytes(length - 24)
            self._write(head + struct.pack("=I", crc32c(data + head)) + data)

    @property
    def here(self) -> int:
        return FIRST * SEGMENT + len(self.data)

    def _write(self, record: bytes) -> None:
        rest = record
        while rest:
            if self.here % PAGE == 0:
                self._begin_page(len(rest) if rest is not record else 0)
            room = PAGE - self.here % PAGE
            self.data += rest[:room]
            rest = rest[room:]
        self.data += bytes(-len(self.data) % 8)
        self.ends.append(self.here)

    def _begin_page(self, rest: int) -> None:
        info = bool(rest) | (2 if self.here % SEGMENT == 0 else 0)
        header = struct.pack("=HHIQI4x", 0xD116, info, 1, self.here, rest)
        self.data += header + (struct.pack("=QII", SYSTEM, SEGMENT, PAGE) if info & 2 else b"")

    def files(self, folder: Path, received: int) -> list[Segment]:
        """The segments, of which so many bytes were received; zeros are behind them."""
        there = bytes(self.data[:received])
        count = max(1, -(-len(there) // SEGMENT))
        there += bytes(count * SEGMENT - len(there))
        found = []
        for n in range(count):
            path = folder / segment_name(1, FIRST + n, SEGMENT)
            path.write_bytes(there[n * SEGMENT : (n + 1) * SEGMENT])
            found.append(Segment(1, FIRST + n, path, False))
        return found


LENGTHS = st.one_of(st.integers(24, 300), st.integers(PAGE - 100, PAGE + 100), st.integers(24, 4 * PAGE))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(lengths=st.lists(LENGTHS, min_size=1, max_size=60), share=st.floats(0, 1))
@example(lengths=[100, PAGE - 40 - 104, 50], share=1.0)  # a record that ends where its page does
@example(lengths=[100, 3 * PAGE, 24], share=0.5)  # nothing begins in the newest page
@example(lengths=[24] * 60 + [200_000] * 5, share=1.0)  # on into the next segment
def test_it_is_the_end_of_the_newest_record_that_is_whole(
    tmp_path: Path, lengths: list[int], share: float
) -> None:
    log = Written(lengths)
    received = int(share * len(log.data))
    # What is not there reads as zeros, as which the last bytes of a record may have been written.
    there = log.data[:received].ljust(len(log.data), b"\0")
    whole = [end for end in log.ends if there.startswith(log.data[: end - FIRST * SEGMENT])]
    assert least_end(log.files(tmp_path, received), SEGMENT) == (whole[-1] if whole else 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(lengths=st.lists(LENGTHS, min_size=2, max_size=60), data=st.data())
def test_a_recovery_that_damage_has_stopped_does_not_come_so_far(
    tmp_path: Path, lengths: list[int], data: st.DataObject
) -> None:
    """Damage anywhere before the last record, but in the header of a page that it is on: it is not known then."""
    log = Written(lengths)
    hit = data.draw(st.integers(0, log.ends[-2] - FIRST * SEGMENT - 1))
    assume(hit % PAGE >= 40 or hit // PAGE < (log.ends[-2] - FIRST * SEGMENT) // PAGE)
    log.data[hit] ^= 0xFF
    stopped = max((end for end in log.ends if end <= FIRST * SEGMENT + hit), default=FIRST * SEGMENT)
    assert least_end(log.files(tmp_path, len(log.data)), SEGMENT) > stopped


def test_segments_that_were_only_begun_do_not_count(tmp_path: Path) -> None:
    log = Written([100, 200, 300])
    [first] = log.files(tmp_path, len(log.data))
    empty = tmp_path / segment_name(1, FIRST + 1, SEGMENT)
    empty.write_bytes(bytes(SEGMENT))
    assert least_end([first, Segment(1, FIRST + 1, empty, True)], SEGMENT) == log.ends[2]
    assert least_end([Segment(1, FIRST + 1, empty, True)], SEGMENT) == 0
    assert least_end([], SEGMENT) == 0


@pytest.mark.parametrize("cut", [0, 100, PAGE - 1, PAGE + 7])
def test_a_file_that_was_cut_off_has_no_more_than_its_whole_pages(tmp_path: Path, cut: int) -> None:
    log = Written([500] * 100)
    [segment] = log.files(tmp_path, len(log.data))
    with segment.path.open("rb+") as file:
        file.truncate(cut)
    assert least_end([segment], SEGMENT) <= FIRST * SEGMENT + cut


def test_the_crc_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
