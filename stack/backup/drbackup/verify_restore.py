"""The last step of verification: the newest dump and the newest base, restored into a scratch server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drbackup.data_directory import LaidOut, lay_out
from drbackup.errors import Bad
from drbackup.findings import Fault, Finding
from drbackup.layout import Backup, listing
from drbackup.manifest import Kind, Manifest
from drbackup.report import say
from drbackup.restored import try_dump
from drbackup.scratch import THROWN_AWAY, check_structure, running, scratch_folder, scratch_server
from drbackup.settings import Settings
from drbackup.verify import NO_KEY
from drbackup.verify_wal import undone, wal_folders
from drbackup.wal import Inventory, format_lsn, take_stock

REPLAY_TIMEOUT_S = 1800
# Replay needs what the log was written with; no question is answered until it has come to its end.
_REPLAYING = {
    **{name: value for name, value in THROWN_AWAY.items() if name not in ("wal_level", "max_wal_senders")},
    "hot_standby": "off",
    "wal_level": "replica",
}


def restore_newest(root: Path, settings: Settings, good: Sequence[Path]) -> Iterator[tuple[Path, Finding]]:
    """Try the newest dump and the newest base among the ``good``, each as it is done.

    Of bases the newest that a recovery would take: not one whose history was undone, unless there is no other.
    """
    ways: dict[Kind, Callable[[Backup, Manifest, Settings, Inventory], str]] = {"dump": _dump, "base": _base}
    for kind, way in ways.items():
        known = [(each, each.manifest) for each in listing(root, kind) if each.manifest and each.path in good]
        if not known:
            continue
        log = take_stock(wal_folders(root, settings))
        live = [pair for pair in known if kind != "base" or not undone(pair[1], log)]
        backup, manifest = (live or known)[-1]
        if manifest.encrypted and settings.age_identity is None:
            fault = Fault("no-key", f"it was not restored: {NO_KEY}")
            yield backup.path, Finding(kind, backup.path.name, None, "", "checksum").failed(fault)
            continue
        say(f"restoring {backup.path.name} into a server of its own")
        finding = Finding(kind, backup.path.name, None, "", "restore")
        try:
            sentence = way(backup, manifest, settings, log)
            finding = Finding(kind, backup.path.name, None, sentence, "restore")
        except Fault as fault:
            finding = finding.failed(fault)
        except Bad as error:
            finding = finding.failed(Fault("restore", str(error)))
        yield backup.path, finding


def _dump(backup: Backup, manifest: Manifest, settings: Settings, _log: Inventory) -> str:
    with scratch_server(settings.scratch) as server:
        found = try_dump(backup.path, manifest, server, settings.age_identity)
    return f"restored: {len(found)} tables, {sum(table.rows for table in found.values())} rows as they were dumped"


def _base(backup: Backup, manifest: Manifest, settings: Settings, log: Inventory) -> str:
    with scratch_folder(settings.scratch) as folder:
        laid = lay_out([backup], log, folder / "data", None, settings.age_identity)
        with running(folder / "data", folder, _REPLAYING, REPLAY_TIMEOUT_S) as server:
            if complaint := check_structure(server, []):
                raise Fault("amcheck", f"pg_amcheck: {complaint}")
            _check_end(folder / "data", laid)
    return f"restored, and rolled forward to {laid.route.newest}"


def _check_end(data: Path, laid: LaidOut) -> None:
    """That the server came to the end of the log: damage within it looks to a recovery as if the log ended there.

    :raises Fault: ``wal-segment``.
    """
    begun = max(take_stock([data / "pg_wal"]).histories.items(), default=(0, []))[1]
    if not begun or begun[-1][1] < laid.least_end:
        ended = format_lsn(begun[-1][1]) if begun else "an unknown position"
        raise Fault(
            "wal-segment",
            f"its recovery ended at {ended}, and the log goes on to {laid.route.newest}: it is damaged there",
        )
