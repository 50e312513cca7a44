"""``drbackup handed-over``: whether the vault's log holds the last record of a server that has ended.

A server that is stopped in order writes a checkpoint last, and its control file says where. Before another site takes
over as planned, that record is read in the vault: with it, everything before it has arrived too.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

from drbackup.errors import Bad, Cannot
from drbackup.programs import last_words
from drbackup.report import say
from drbackup.scratch import program, scratch_folder
from drbackup.settings import Settings
from drbackup.wal import Inventory, parse_lsn, segment_name, take_stock

_TIMEOUT_S = 60
_IN_ORDER = "shut down"
_LAST = "CHECKPOINT_SHUTDOWN"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's data directory")
    parser.add_argument(
        "--log", type=Path, required=True, metavar="DIR", help="the log that was received of it"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup handed-over``: 0 when it does.

    :raises Bad: when it does not, or the server runs, or did not end in order: then nobody knows what it wrote last.
    :raises Cannot: when the control file cannot be read.
    """
    state, timeline, last = read_control(_control_data(options.data))
    if state != _IN_ORDER:
        raise Bad(f"the server of {options.data} has not ended in order: by its control file it is {state!r}")
    log = take_stock([options.log])
    with scratch_folder(settings.scratch) as folder:
        _lay_out(log, timeline, parse_lsn(last), folder)
        found = _record_at(folder, timeline, last)
    if _LAST not in found:
        raise Bad(
            f"the server's last record, at {last} on timeline {timeline}, is not in {options.log}: {last_words(found)}"
        )
    say(f"the server's last record, at {last} on timeline {timeline}, is in {options.log}")
    return 0


def read_control(text: str) -> tuple[str, int, str]:
    """State, timeline and position of the latest checkpoint, as ``pg_controldata`` prints them.

    :raises Cannot: when it does not.
    """
    lines = dict(re.findall(r"^([^:\n]+):\s+(.+)$", text, re.MULTILINE))
    try:
        return (
            lines["Database cluster state"],
            int(lines["Latest checkpoint's TimeLineID"]),
            lines["Latest checkpoint location"],
        )
    except (KeyError, ValueError) as error:
        raise Cannot(f"the control file does not say where the server ended: {last_words(text)}") from error


def _control_data(data: Path) -> str:
    done = subprocess.run(
        [program("pg_controldata"), str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        raise Cannot(f"the control file cannot be read: {last_words(done.stderr)}")
    return done.stdout


def _lay_out(log: Inventory, timeline: int, last: int, folder: Path) -> None:
    """The segment with the record, and the next, into which it may reach, by their real names and at full size."""
    number = last // log.segment_size
    for segment in (log.get(timeline, number), log.get(timeline, number + 1)):
        if segment is None:
            continue
        copy = folder / segment_name(timeline, segment.number, log.segment_size)
        shutil.copyfile(segment.path, copy)
        os.truncate(copy, log.segment_size)


def _record_at(folder: Path, timeline: int, last: str) -> str:
    """What ``pg_waldump`` says of the record there: of one that is not there, that it is not."""
    done = subprocess.run(
        [program("pg_waldump"), f"--path={folder}", f"--timeline={timeline}", f"--start={last}", "--limit=1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout + done.stderr
