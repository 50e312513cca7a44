"""``drbackup restore-test``: the DRP's Test 1, weekly by cron and in every drill.

The newest dump is restored into a server of its own, and what is there then is compared with what was dumped: every
table, the number of its rows, their content, what is defined beside them, and that no sequence is behind. The server is
gone afterwards, however it ends.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from drbackup.errors import Bad
from drbackup.findings import Fault
from drbackup.layout import listing
from drbackup.manifest import Manifest, Table
from drbackup.report import as_json, say, size
from drbackup.restored import try_dump
from drbackup.scratch import scratch_server
from drbackup.settings import Settings
from drbackup.status import remembered
from drbackup.verify_present import Expected, Present, check_present, missing

FORMAT = "dr-restore-test/1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--dir", type=Path, help="the folder of the backups, in place of DRBACKUP_ROOT")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Test the newest dump, and keep how that ended; 0 when it was restored whole.

    :raises Bad: when it was not.
    :raises Cannot: when no server can be had to restore into.
    """
    # A folder that somebody names is not what this site is to be judged by.
    with nullcontext() if options.dir else remembered(settings.state, "restore-test"):
        _test(settings, options)
    return 0


def _test(settings: Settings, options: argparse.Namespace) -> None:
    began = time.monotonic()
    told: dict[str, object] = {"format": FORMAT, "dump": None, "fault": None, "sentence": "", "tables": {}}
    try:
        path, present = _newest(options.dir or settings.root, settings)
        manifest = present.manifest
        told["dump"] = path.name
        say(f"restoring {path.name} ({size(manifest.bytes)}) into a server of its own")
        found = _restored(path, manifest, settings)
        told["tables"] = {name: table.rows for name, table in found.items()}
        if present.suspicion:
            raise present.suspicion
        rows = sum(table.rows for table in found.values())
        # A manifest from before definitions were kept vouches for rows alone.
        beside = "" if manifest.definitions is None else " and what is defined beside them"
        told["sentence"] = f"{len(found)} tables, {rows} rows{beside}, all as they were dumped"
    except Fault as fault:
        told.update(fault=fault.name, sentence=fault.sentence)
    told["seconds"] = round(time.monotonic() - began, 3)
    verdict = f"{told['fault']}: {told['sentence']}" if told["fault"] else f"OK: {told['sentence']}"
    verdict = f"restore test of {told['dump'] or 'the newest dump'}: {verdict} ({told['seconds']} s)"
    if options.json:
        as_json(told)
    if told["fault"]:
        raise Bad(verdict)
    say(verdict)


def _newest(root: Path, settings: Settings) -> tuple[Path, Present]:
    dumps = listing(root, "dump")
    if not dumps:
        raise missing("dump")
    expected = Expected.from_environment(settings.database, datetime.now(UTC))
    return dumps[-1].path, check_present(dumps[-1], dumps, expected)


def _restored(path: Path, manifest: Manifest, settings: Settings) -> dict[str, Table]:
    try:
        with scratch_server(settings.scratch) as server:
            return try_dump(path, manifest, server, settings.age_identity)
    except Bad as error:
        raise Fault("restore", str(error)) from error
