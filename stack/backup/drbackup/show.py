"""``drbackup list``: what is there."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from drbackup import layout, report
from drbackup.layout import Backup
from drbackup.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--dir", type=Path, help="where to look, in place of DRBACKUP_ROOT")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup list``."""
    backups = layout.everything(options.dir or settings.root)
    if options.json:
        report.as_json({"format": "dr-backup-list/1", "backups": [_row(backup) for backup in backups]})
    else:
        for backup in backups:
            sys.stdout.write(_line(backup, datetime.now(UTC)) + "\n")
    return 0


def _row(backup: Backup) -> dict[str, object]:
    return {
        "kind": backup.kind,
        "path": str(backup.path),
        "problem": backup.problem,
        "manifest": asdict(backup.manifest) if backup.manifest else None,
    }


def _line(backup: Backup, now: datetime) -> str:
    if not backup.manifest:
        return f"{backup.kind:6}  {backup.path}: {backup.problem}"
    age = (now - backup.manifest.finished_utc).total_seconds() / 3600
    return f"{backup.kind:6}  {backup.path}  {report.size(backup.manifest.bytes)}, {age:.1f} h old"
