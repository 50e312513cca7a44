"""What write-ahead log there is, and whether it leads without a gap from a base backup to the newest record.

PostgreSQL names a segment by timeline and number: ``TTTTTTTTXXXXXXXXYYYYYYYY``. The one that ``pg_receivewal`` still
writes ends in ``.partial``: the newest transactions are in it, and a restore that leaves it out loses them all. A
promotion begins a new timeline, whose ``.history`` file says where it left its parent (PostgreSQL manual,
"Timelines").
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

DEFAULT_SEGMENT_SIZE = 16 << 20
PARTIAL = ".partial"
ASIDE = "aside.*"  # folders of what the vault's receiver has moved out of the way: history that was undone

_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?\Z")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history\Z")
_HISTORY_LINE = re.compile(r"\s*(\d+)\s+([0-9A-Fa-f]+/[0-9A-Fa-f]+)")
# XLogLongPageHeaderData: magic, info, timeline, address, rest of a record, system identifier, segment size, block size.
_LONG_HEADER = struct.Struct("=HHIQI4xQII")
_IS_LONG = 0x0002


class NoWay(Exception):
    """The log does not lead where it should.

    :param fault: its stable id, as verification names it.
    """

    def __init__(self, fault: str, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = fault


class NoLog(NoWay):
    """There is no log after a base: it can be had as it was when it was made, and no later."""


def parse_lsn(text: str) -> int:
    """A position in the log from its text, as ``0/1A2B3C4D``.

    :raises ValueError: when it is none.
    """
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(lsn: int) -> str:
    """A position in the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def segment_name(timeline: int, number: int, segment_size: int = DEFAULT_SEGMENT_SIZE) -> str:
    """The file name of a segment."""
    each = (1 << 32) // segment_size
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"


@dataclass(frozen=True)
class Segment:
    """One segment, as a file of some folder.

    :param left: the position in it at which its timeline was left: what comes after it was undone; None: none.
    """

    timeline: int
    number: int
    path: Path
    partial: bool
    left: int | None = None

    @property
    def name(self) -> str:
        """Its real name, without ``.partial``."""
        return self.path.name.removesuffix(PARTIAL)


@dataclass
class Inventory:
    """The log that was found, by timeline and number; a complete segment goes before a partial one.

    :ivar histories: for each timeline, its ancestors from the first on, and the position at which each was left.
    """

    segment_size: int = DEFAULT_SEGMENT_SIZE
    complete: dict[tuple[int, int], Segment] = field(default_factory=dict)
    partial: dict[tuple[int, int], Segment] = field(default_factory=dict)
    histories: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    history_files: dict[int, Path] = field(default_factory=dict)

    def get(self, timeline: int, number: int) -> Segment | None:
        """The segment, complete if there is such a one."""
        return self.complete.get((timeline, number)) or self.partial.get((timeline, number))


def take_stock(folders: Iterable[Path], timeline: int | None = None) -> Inventory:
    """What lies in ``folders``; what is in an earlier one goes before the same in a later one.

    Not where its size or its first page is wrong, and the other's are not.

    Hidden files are somebody's unfinished work. The segment size is that of most complete segments.

    :param timeline: as if no later one had ever begun, and with what was moved out of the way when it did.
    """
    searched = [folder for folder in folders if folder.is_dir()]
    if timeline is not None:
        searched += [aside for folder in searched for aside in sorted(folder.glob(ASIDE))]
    files = [path for folder in searched for path in sorted(folder.iterdir())]
    sizes = [path.stat().st_size for path in files if _SEGMENT.match(path.name)]
    found = Inventory(segment_size_of(sizes) or DEFAULT_SEGMENT_SIZE)
    each = (1 << 32) // found.segment_size
    for path in files:
        if match := _SEGMENT.match(path.name):
            on, high, low = (int(part, 16) for part in match.groups()[:3])
            segment = Segment(on, high * each + low, path, match[4] is not None)
            shelf = found.partial if segment.partial else found.complete
            known = shelf.get((on, segment.number))
            if known is None or (_is_damaged(known, found) and not _is_damaged(segment, found)):
                shelf[on, segment.number] = segment
        elif match := _HISTORY.match(path.name):
            begun = int(match[1], 16)
            if begun not in found.histories:
                found.histories[begun] = parse_history(path.read_text(encoding="utf-8", errors="replace"))
                found.history_files[begun] = path
    if timeline is not None:
        found.histories = {each: found.histories[each] for each in found.histories if each <= timeline}
    return found


def segment_size_of(sizes: Iterable[int]) -> int | None:
    """How large segments are, by the files there are: most have it; None when none has a size that one can have."""
    plausible = [size for size in sizes if size >= 1 << 20 and size & (size - 1) == 0]
    return max(set(plausible), key=plausible.count) if plausible else None


def parse_history(text: str) -> list[tuple[int, int]]:
    """The ancestors in a ``.history`` file: timeline, and where it was left.

    A recovery to a moment before its parent began has PostgreSQL write down the parent's own branch, and then one that
    lies before it: what is of no more account is cut off, and an ancestor of which nothing is left is none.
    """
    lines = (_HISTORY_LINE.match(line) for line in text.splitlines())
    written = [(int(line[1]), parse_lsn(line[2])) for line in lines if line]
    ancestors: list[tuple[int, int]] = []
    begun = 0
    for n, (timeline, _) in enumerate(written):
        left = min(lsn for _, lsn in written[n:])
        if left > begun or not ancestors:
            ancestors.append((timeline, left))
            begun = left
    return ancestors


@dataclass(frozen=True)
class Route:
    """The log from a base backup to the newest record, in order.

    :ivar timeline: the timeline that it ends on.
    :ivar gap: why it ends before the newest segment that is there; None when it does not.
    """

    timeline: int
    segments: tuple[Segment, ...]
    gap: str | None

    @property
    def newest(self) -> str:
        """The newest segment's file name, for people; that there is none, where the base's own log is all."""
        return self.segments[-1].path.name if self.segments else "the end of the base itself"

    @property
    def lost(self) -> str:
        """What of the newest timeline is not there, where that is all of it; empty where it is."""
        left = self.segments[-1].left if self.segments else None
        if left is None:
            return ""
        return (
            f"of timeline {self.timeline} no log is there yet: what was written since it began at {format_lsn(left)}"
            " is not in this"
        )


def find_route(log: Inventory, timeline: int, after: int) -> Route:
    """The way from ``after`` on ``timeline`` to the newest segment of the newest timeline that descends from it.

    :raises NoLog: when neither the first segment nor any after it is there.
    :raises NoWay: ``wal-gap`` when the first segment is not there.
    """
    lineage = _newest_lineage(log, timeline, after)
    size = log.segment_size
    begins = {
        each: left // size for (_, left), each in zip(lineage[:-1], [t for t, _ in lineage[1:]], strict=True)
    }
    ends = {each: (left - 1) // size for each, left in lineage[:-1]}
    start = after // size
    last = max(
        (number for each, _ in lineage if (number := _newest_within(log, each, ends.get(each))) is not None),
        default=None,
    )
    first_name = segment_name(timeline, start, size)
    if last is None or last < start:
        # A base that ends where a segment ends needs none, until there is more.
        raise NoLog("wal-gap", f"{first_name}, where the base backup ends, is not there, nor any after it")
    way: list[Segment] = []
    for number in range(start, last + 1):
        on = max((each for each, begin in begins.items() if begin <= number), default=timeline)
        segment = log.get(on, number)
        if segment is None and number == last:
            segment = _up_to_the_branch(log, lineage, number)
        if segment is None or (segment.partial and number < last):
            state = "is not there" if segment is None else "is there only in part"
            newest = segment_name(lineage[-1][0], last, size)
            gap = f"{segment_name(on, number, size)} {state}, although {newest} is"
            if not way:
                raise NoWay("wal-gap", gap)
            return Route(way[-1].timeline, tuple(way), gap)
        way.append(segment)
    return Route(lineage[-1][0] if way[-1].left else way[-1].timeline, tuple(way), None)


def _up_to_the_branch(log: Inventory, lineage: Sequence[tuple[int, int]], number: int) -> Segment | None:
    """The segment in which the newest timeline branches off, as its parent has it, where that is all there is of it.

    A timeline's first segment begins with what its parent had in it, and may not be there yet: it is archived when it
    is full.
    """
    if len(lineage) < 2:
        return None
    parent, left = lineage[-2]
    segment = log.get(parent, number)
    if segment is None or (left - 1) // log.segment_size != number:
        return None
    return replace(segment, left=left)


def _newest_within(log: Inventory, timeline: int, end: int | None) -> int | None:
    """The highest number on a timeline that was not left before it."""
    numbers = (number for each, number in [*log.complete, *log.partial] if each == timeline)
    return max((number for number in numbers if end is None or number <= end), default=None)


def _newest_lineage(log: Inventory, timeline: int, after: int) -> list[tuple[int, int]]:
    """The timelines from ``timeline`` to its newest descendant, each with where it was left; 0 for the last."""
    for newest in sorted(log.histories, reverse=True):
        ancestors = log.histories[newest]
        at = next((n for n, (each, _) in enumerate(ancestors) if each == timeline), None)
        if newest > timeline and at is not None and ancestors[at][1] >= after:
            return [*ancestors[at:], (newest, 0)]
    return [(timeline, 0)]


def left_behind(log: Inventory, timeline: int, end: int) -> str:
    """Why the history of the newest timeline does not lead through ``end`` on ``timeline``; empty when it does.

    After a recovery to a moment, what came later on the old timeline is undone; an archive has it all the same.
    """
    # One that names no ancestor is not whole: no timeline but the first is without.
    newest = max((each for each, ancestors in log.histories.items() if ancestors), default=timeline)
    if newest <= timeline:
        return ""
    left = dict(log.histories[newest]).get(timeline)
    if left is None:
        return f"timeline {newest} does not descend from its timeline {timeline}"
    if left < end:
        at = f"{format_lsn(left)}, before it ends at {format_lsn(end)}"
        return f"timeline {newest} left its timeline {timeline} at {at}"
    return ""


def _is_damaged(segment: Segment, log: Inventory) -> bool:
    try:
        check_segment(segment, log, None)
    except NoWay:
        return True
    return False


def check_segment(segment: Segment, log: Inventory, system_identifier: str | None) -> None:
    """Look at a segment's size and first page: is it that segment, of that database?

    :raises NoWay: ``wal-segment`` when it is not.
    """
    size = segment.path.stat().st_size
    if not segment.partial and size != log.segment_size:
        raise NoWay("wal-segment", f"{segment.path.name} has {size} bytes instead of {log.segment_size}")
    with segment.path.open("rb") as file:
        page = file.read(_LONG_HEADER.size)
    if segment.partial and not page.strip(b"\0"):
        return  # begun, and nothing written yet
    if len(page) < _LONG_HEADER.size:
        raise NoWay("wal-segment", f"{segment.path.name} has no whole page")
    _, info, _, address, _, system, _, _ = _LONG_HEADER.unpack(page)
    if not info & _IS_LONG or address != segment.number * log.segment_size:
        raise NoWay("wal-segment", f"{segment.path.name} does not hold the segment of that name")
    if system_identifier and str(system) != system_identifier:
        raise NoWay(
            "wal-segment",
            f"{segment.path.name} is of another database cluster ({system}, not {system_identifier})",
        )
