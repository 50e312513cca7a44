"""``drbackup redis-restore``: the newest good RDB into Redis' data directory, for its next start.

What undoes the ``cp /var/lib/redis/dump.rdb /backups/redis/`` of the DRP's Backup Strategy 2. Redis must be
down: one that is stopped later would write its own snapshot over what was restored.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from drbackup.errors import Bad, Cannot
from drbackup.findings import Fault
from drbackup.layout import Backup, listing, sync
from drbackup.manifest import Manifest
from drbackup.report import as_json, say, size
from drbackup.settings import Settings
from drbackup.verify_contents import check_contents, plain

FORMAT = "dr-redis-restore/1"
NAME = "dump.rdb"
GROWING = ".drbackup-dump.rdb"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="Redis' data directory")
    parser.add_argument("--owner", type=int, metavar="UID", help="Redis' user (default: who owns DIR)")
    parser.add_argument("--dir", type=Path, help="the folder of the backups, in place of DRBACKUP_ROOT")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Lay the RDB out; 0 when Redis can be started on it.

    :raises Bad: when no RDB is good.
    :raises Cannot: when there is no such directory, it cannot be written, or there is no key.
    """
    rdb, manifest = newest_good(listing(options.dir or settings.root, "redis"), settings)
    try:
        lay(rdb, manifest, options.into, settings.age_identity, options.owner)
    except OSError as error:
        raise Cannot(f"{options.into} cannot be written: {error.strerror}") from error
    if options.json:
        as_json({"format": FORMAT, "rdb": rdb.name, "into": str(options.into), "bytes": manifest.bytes})
    say(f"restored {rdb.name} ({size(manifest.bytes)}) into {options.into}")
    return 0


def newest_good(backups: list[Backup], settings: Settings) -> tuple[Path, Manifest]:
    """The newest RDB that is what was written, and that Redis can read; what is passed over is said.

    :raises Bad: when there is none.
    :raises Cannot: when the next is encrypted, and there is no key.
    """
    for backup in reversed(backups):
        problem = backup.problem
        if backup.manifest is not None:
            if backup.manifest.encrypted and settings.age_identity is None:
                raise Cannot(f"{backup.path.name} is encrypted, and DRBACKUP_AGE_IDENTITY_FILE names no key")
            try:
                check_contents(
                    backup.path, backup.manifest, "contents", settings.age_identity, settings.scratch
                )
                return backup.path, backup.manifest
            except Fault as fault:
                problem = f"{fault.name}: {fault.sentence}"
            except (OSError, Bad) as error:
                problem = str(error)
        say(f"passed over {backup.path.name}: {problem}")
    raise Bad(f"no good RDB among {len(backups)}")


def lay(rdb: Path, manifest: Manifest, into: Path, identity: Path | None, owner: int | None) -> None:
    """Put a copy in ``into`` in the place of what is there, whole or not at all.

    :param owner: whose it is to be: Redis must be able to write its next snapshot over it. None: the directory's.
    :raises OSError: when it cannot be written.
    """
    growing = into / GROWING
    with plain(rdb, identity if manifest.encrypted else None) as source, growing.open("wb") as target:
        shutil.copyfileobj(source, target)
    os.chown(growing, into.stat().st_uid if owner is None else owner, -1)
    sync(growing)
    growing.rename(into / NAME)
    sync(into)
