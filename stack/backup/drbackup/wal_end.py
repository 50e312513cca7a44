"""How far a recovery must come at least: to the end of the newest record that is whole.

Damage within the log looks to a recovery as if the log ended there: it goes no further, and says that all is well.
A record that is whole, and lies beyond the place where a recovery ended, tells of it. Of the very last record alone,
and of a page that it is on and that has lost its header, nobody can say whether it is damaged or was still on its way.

The layout is that of PostgreSQL's ``access/xlog_internal.h`` and ``access/xlogrecord.h``: each page begins with a
header that names its own position; a record begins at a multiple of eight bytes, goes on behind the next page's header
where its page ends, and carries a CRC-32C of itself.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drbackup.wal import Segment

PAGE = 8192
_PAGE_HEADER = struct.Struct("=HHIQI")  # magic, info, timeline, position, rest of a record
_SHORT, _LONG = 24, 40  # bytes of a page's header
_IS_LONG = 0x0002
# Length, transaction, position of the one before, info, manager, nothing, CRC.
_RECORD = struct.Struct("=IIQBBHI")
_CRC_AT = 20
# Bytes: a longer one is passed over, since it takes long to check; those before it tell as well.
_LONGEST = 1 << 18
_ALIGNED = 8
_CASTAGNOLI = 0x82F63B78


def _crc_table() -> list[int]:
    table = list(range(256))
    for n in range(256):
        for _ in range(8):
            table[n] = table[n] >> 1 ^ (_CASTAGNOLI if table[n] & 1 else 0)
    return table


_CRC = _crc_table()


@dataclass(frozen=True)
class _Page:
    """A page whose header is right. ``at`` is its position in the log; ``begins`` is where its header ends."""

    at: int
    data: bytes
    begins: int


def least_end(segments: Sequence[Segment], segment_size: int) -> int:
    """The position in the log that a recovery to the end of ``segments`` must at least come to.

    :param segments: in the order of the log, without a gap.
    :returns: 0 where there is no record that is whole.
    """
    behind: list[_Page] = []
    for page in _from_the_end(segments, segment_size):
        for begins in reversed(range(page.begins, PAGE, _ALIGNED)):
            if end := _end_of_record(page, begins, behind):
                return end
        behind = [page, *behind][: _LONGEST // PAGE + 1]
    return 0


def _from_the_end(segments: Sequence[Segment], segment_size: int) -> Iterator[_Page]:
    """The pages of the log that are what they should be, the last first."""
    for segment in reversed(segments):
        start = segment.number * segment_size
        with segment.path.open("rb") as file:
            for offset in reversed(range(0, segment_size, PAGE)):
                file.seek(offset)
                data = file.read(PAGE)
                if len(data) < PAGE:
                    continue
                magic, info, _, position, _ = _PAGE_HEADER.unpack_from(data)
                if magic and position == start + offset:
                    yield _Page(position, data, _LONG if info & _IS_LONG else _SHORT)


def _end_of_record(page: _Page, begins: int, behind: Sequence[_Page]) -> int:
    """The position at which the record ends that begins there; 0 where none does, or not a whole one.

    :param behind: pages that follow, in order. No record goes through one that is not among them.
    """
    length = int.from_bytes(page.data[begins : begins + 4], "little")
    if not _RECORD.size <= length <= _LONGEST:
        return 0
    record, end = page.data[begins : begins + length], page.at + begins + length
    for at, following in zip(itertools.count(page.at + PAGE, PAGE), behind, strict=False):
        if len(record) == length or following.at != at:
            break
        rest = length - len(record)
        record += following.data[following.begins : following.begins + rest]
        end = at + following.begins + rest
    if len(record) < length:
        return 0
    _, _, before, _, _, nothing, crc = _RECORD.unpack_from(record)
    if nothing or not before < page.at + begins or crc32c(record[_RECORD.size :] + record[:_CRC_AT]) != crc:
        return 0
    return -(-end // _ALIGNED) * _ALIGNED


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli, RFC 3720, appendix B.4), by which PostgreSQL knows a record that is whole."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
