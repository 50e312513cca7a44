"""How the last run of each kind of work ended: kept off the backups' volume, which may be what is full.

It outlives the container: a failure is over when the work is done, not when the image is another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from drbackup import report
from drbackup.errors import Bad, Cannot


@dataclass(frozen=True)
class Status:
    """The last run.

    :param error: empty when it ended well.
    :param succeeded: Unix time of the last run that ended well; None: none has.
    """

    work: str
    finished: float
    error: str = ""
    succeeded: float | None = None


def record(state: Path, work: str, error: str = "") -> None:
    """Keep that a run has ended just now.

    :raises OSError: when it cannot be kept.
    """
    now = datetime.now(UTC).timestamp()
    before = {status.work: status for status in recorded(state)}.get(work)
    succeeded = (before.succeeded if before else None) if error else now
    state.mkdir(parents=True, exist_ok=True)
    new = state / f".{work}.{os.getpid()}"
    new.write_text(json.dumps(asdict(Status(work, now, error, succeeded))), encoding="utf-8")
    new.replace(state / f"{work}.json")


@contextmanager
def remembered(state: Path, work: str) -> Iterator[None]:
    """Record how what is done meanwhile ends, whatever it raises; that this cannot be kept is said, and no more."""
    error = "it was interrupted"
    try:
        yield
        error = ""
    except Exception as caught:
        error = in_words(caught)
        raise
    finally:
        try:
            record(state, work, error)
        except Exception as caught:  # noqa: BLE001 - not only OSError: what was kept before may be damaged
            report.say(f"{work}: how it ended could not be kept: {in_words(caught)}")


def in_words(error: Exception) -> str:
    """One line; of an error that nobody has foreseen its class, too, without which it may say nothing."""
    said = " ".join(str(error).split())
    return said if said and isinstance(error, (Bad, Cannot, OSError)) else f"{type(error).__name__}: {said}"


def recorded(state: Path) -> list[Status]:
    """What is kept, by the name of the work."""
    return [
        Status(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(state.glob("[!.]*.json"))
    ]
