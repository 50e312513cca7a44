"""``drbackup pitr``: a data directory that recovers, when a server is started on it, to a moment or to the last one.

The newest base that ended before the target, unless the history it lies on was undone since, and after it all the log
there is: complete segments from the vault and from the archive, and the one that was still being written
(``.partial``) under its real name, since the newest transactions are in it. All of it lies in the directory itself:
the server needs neither the vault nor the archive to be there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drbackup.data_directory import lay_out
from drbackup.errors import Cannot
from drbackup.layout import listing
from drbackup.report import as_json, say
from drbackup.scratch import scratch_folder
from drbackup.settings import Settings
from drbackup.target import read_target, target_argument
from drbackup.vault import Vault
from drbackup.verify_wal import wal_folders
from drbackup.wal import format_lsn, take_stock

FORMAT = "dr-pitr/1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="the data directory; must be empty"
    )
    target_argument(parser)
    parser.add_argument(
        "--dir",
        type=Path,
        help="the folder of the backups and their log, in place of DRBACKUP_ROOT and the vault's log",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Lay the directory out; 0 when it is ready to be started.

    :raises Bad: when the log does not lead to the target, or no base can be used.
    :raises Cannot: for a target that is no time, a directory that is not empty or has no room, or a vault that does
        not answer.
    """
    began = time.monotonic()
    target = read_target(options.to)
    root = options.dir or settings.root
    bases = listing(root, "base")
    undone = options.timeline is not None
    with _log_folders(root, settings, with_vault=options.dir is None, undone=undone) as folders:
        log = take_stock(folders, options.timeline)
        laid = lay_out(bases, log, options.into, target, settings.age_identity)
    took = time.monotonic() - began
    say(
        f"{options.into} is ready in {took:.1f} s: {laid.base.path.name}, then {len(laid.route.segments)} segment(s)"
        f" to {laid.route.newest}, recovering to {options.to}"
    )
    if options.json:
        as_json(
            {
                "format": FORMAT,
                "into": str(options.into),
                "base": laid.base.path.name,
                "to": options.to,
                "timeline": laid.route.timeline,
                "segments": len(laid.route.segments),
                "newest_segment": laid.route.newest,
                "least_end": None if target and laid.reaches_target else format_lsn(laid.least_end),
                "log_reaches_target": laid.reaches_target,
                "seconds": round(took, 3),
            }
        )
    return 0


@contextmanager
def _log_folders(root: Path, settings: Settings, *, with_vault: bool, undone: bool) -> Iterator[list[Path]]:
    """Where the log lies: the vault's first, fetched for a while; the newest is there alone."""
    here = wal_folders(root, settings)
    if not with_vault or not settings.vault:
        if with_vault and root / "wal" not in here:
            say("no vault is set (DRBACKUP_VAULT): what was written and is not archived yet is not in this")
        yield here
        return
    with scratch_folder(settings.scratch) as folder:
        say("fetching the log from the vault")
        try:
            Vault.of(settings).download("wal", folder / "wal", undone=undone)
        except Cannot as error:
            raise Cannot(
                f"the newest of the log is in the vault alone, and {error}; to do without: --dir {root}"
            ) from error
        yield [folder / "wal", *here]
