"""What verification says: of each backup, OK or the first fault that was found, by a stable name and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

Depth = Literal["present", "checksum", "contents", "wal", "restore"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)


def reaches(depth: Depth, wanted: Depth) -> bool:
    """Whether looking as deep as ``depth`` includes ``wanted``."""
    return DEPTHS.index(depth) >= DEPTHS.index(wanted)


class Fault(Exception):
    """A backup is not what it should be.

    :param name: a stable id, as ``missing-table``; docs/backup-and-restore.md lists them.
    :param sentence: what is wrong, naming what it is about.
    """

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name, sentence)
        self.name = name
        self.sentence = sentence


@dataclass(frozen=True)
class Finding:
    """One line of the result.

    :param kind: of backup; ``wal`` for the log.
    :param fault: the first that was found; None: OK.
    :param sentence: about the fault; of one that is OK, what was seen of it.
    :param reached: how deep it was looked at; less than was asked for where there is nothing deeper to look at.
    """

    kind: str
    name: str
    fault: str | None
    sentence: str
    reached: Depth | None

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return self.fault is None

    def failed(self, fault: Fault) -> Finding:
        """The same with a fault."""
        return replace(self, fault=fault.name, sentence=fault.sentence)


def summary(findings: Sequence[Finding]) -> str:
    """``n/n OK``, as the DRP's report has it."""
    return f"{sum(finding.ok for finding in findings)}/{len(findings)} OK"
