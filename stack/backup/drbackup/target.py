"""What a recovery goes to, the last moment or an earlier one, and which base it begins from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup
from drbackup.manifest import Manifest
from drbackup.report import say
from drbackup.verify_wal import undone
from drbackup.wal import Inventory

LATEST = "latest"


def target_argument(parser: argparse.ArgumentParser) -> None:
    """The options ``--to``, for :func:`read_target`, and ``--timeline``, for :func:`drbackup.wal.take_stock`."""
    parser.add_argument(
        "--to",
        default=LATEST,
        metavar="TIME",
        help="latest, or a moment with its UTC offset, as 2026-11-24T11:59:30+00:00 (default: latest)",
    )
    parser.add_argument(
        "--timeline",
        type=int,
        metavar="N",
        help="on the history of this timeline, as if no later one had begun: for what a recovery has undone",
    )


def read_target(text: str) -> datetime | None:
    """The moment to recover to; None: the last one.

    :raises Cannot: when it is no time, or lacks its offset: a recovery must not hang on a machine's time zone.
    """
    if text == LATEST:
        return None
    try:
        target = datetime.fromisoformat(text)
    except ValueError as error:
        raise Cannot(f"--to {text}: neither {LATEST} nor a time, as 2026-11-24T11:59:30+00:00") from error
    if target.tzinfo is None:
        raise Cannot(f"--to {text}: give the time with its UTC offset, as {target.isoformat()}+00:00")
    return target.astimezone(UTC)


def choose_bases(
    bases: Sequence[Backup], target: datetime | None, log: Inventory
) -> list[tuple[Backup, Manifest]]:
    """The bases that had ended before the target, the best first: the less log to replay, the sooner it is done.

    What was undone stays so: a base that the newest timeline's history does not lead through is passed over.

    :raises Bad: when there is none.
    """
    complete = [(base, base.manifest) for base in bases if base.manifest is not None]
    if not complete:
        raise Bad("no-base: there is no base backup that the log could be replayed on")
    before = [pair for pair in complete if target is None or pair[1].finished_utc <= target]
    if not before:
        oldest = min(manifest.finished_utc for _, manifest in complete)
        raise Bad(
            f"no-base: the oldest base was finished at {oldest:%Y-%m-%d %H:%M:%S} UTC, after the target"
        )
    usable = []
    for base, manifest in sorted(before, key=lambda pair: pair[1].finished_utc, reverse=True):
        if why := undone(manifest, log):
            say(f"{base.path.name} is passed over, as undone: {why}")
        else:
            usable.append((base, manifest))
    if not usable:
        raise Bad(
            f"no-base: none of the {len(before)} base(s) before the target is of the newest timeline's history"
        )
    return usable
