"""Copies out of the site: what is new goes to the vault, is read back there, and only then has its name there.

All new backups go in few calls: each call is a session of its own, whose handshake takes longer than a small file.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from drbackup import layout, report
from drbackup.errors import Bad
from drbackup.fence import refuse_unless_active
from drbackup.layout import Backup
from drbackup.lock import only_run
from drbackup.manifest import Kind, Manifest
from drbackup.seal import differs, sha256
from drbackup.settings import Settings
from drbackup.status import remembered
from drbackup.vault import Vault
from drbackup.verify_wal import route_of
from drbackup.wal import NoWay, Segment, check_segment, take_stock

WAL = "wal"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--all", action="store_true", help="read everything in the vault back, not only what is new"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup offsite``."""
    refuse_unless_active(settings)
    with only_run(settings.root), remembered(settings.state, "offsite"):
        copy(settings, everything=options.all)
    return 0


def copy(settings: Settings, *, everything: bool = False) -> None:
    """Copy what the vault has not got, the log too that it could not receive as it was written; with the lock held.

    Of what was there before, the sizes are compared; and the SHA-256 too, of ``everything``. What has changed there is
    sent again when it is still good here.

    :raises Cannot: when the vault cannot be reached, or nobody has named one.
    :raises Bad: when something is not what its manifest tells of: what was copied, or a backup both there and here.
    """
    vault = Vault.of(settings)
    there = vault.sizes()
    finished = [backup for backup in layout.everything(settings.root) if backup.manifest]
    new = [backup for backup in finished if _path(backup.kind, backup.manifest_path.name) not in there]
    known = [backup for backup in finished if backup not in new]
    spoiled = {each.path: differ for each in known if (differ := _sizes_differ(files_of(each), there))}
    whole = [each for each in known if each.path not in spoiled]
    if everything and whole:
        found = vault.sha256([path for each in whole for path in files_of(each)])
        spoiled |= {each.path: differ for each in whole if (differ := digests_differ(files_of(each), found))}
    bad, again = [], []
    for each in known:
        differ = spoiled.get(each.path)
        if differ and each.manifest and (here := differs(each.path, each.manifest)):
            bad.append(f"in the vault {differ}; and on this site {here}")
        elif differ:
            report.say(f"offsite: in the vault {differ}: it is sent again")
            again.append(each)
    if new or again:
        bad += _send(settings, vault, [*new, *again])
    bad += _fill_log(settings, vault, there, everything)
    if bad:
        raise Bad("; ".join(dict.fromkeys(bad)))
    report.say(f"offsite: {len(new)} new, {len(known)} there before")


def _fill_log(settings: Settings, vault: Vault, there: Mapping[str, int], everything: bool) -> list[str]:
    """Send the archived segments that the vault lacks: where its slot was lost, the server has recycled them.

    Those too that it has in part.

    Only then can it go on receiving: it asks for the one after its newest, which the server may not have any more
    either. What was undone is not sent.

    :returns: what is wrong with which; none is there then.
    """
    archived, bad = _rolled_forward(settings)
    missing = _missing(archived, there)
    if missing:
        # The backups took a while to send: what was received meanwhile is there now.
        missing = _missing(archived, vault.sizes())
    if everything:
        bad += _other_content(vault, [each for each in archived if each not in missing])
    if not missing:
        return bad
    paths = [f"{WAL}/{path.name}" for path in missing]
    vault.discard()
    vault.upload(settings.wal_archive, [path.name for path in missing], WAL)
    expected = {name: (0, sha256(path)) for name, path in zip(paths, missing, strict=True)}
    if spoiled := digests_differ(expected, vault.sha256(paths, incoming=True)):
        vault.discard()
        return [*bad, spoiled]
    refuse_unless_active(settings)
    vault.publish(paths)
    report.say(
        f"offsite: {len(paths)} segment(s) of WAL that the vault lacked, or had in part: {missing[0].name}, …"
    )
    return bad


def _missing(archived: list[Path], there: Mapping[str, int]) -> list[Path]:
    """Those that are not there, or not at their size."""
    return [path for path in archived if there.get(f"{WAL}/{path.name}") != path.stat().st_size]


def _other_content(vault: Vault, archived: list[Path]) -> list[str]:
    """What is wrong with those of which the vault has something else, though at their size: nothing is sent for them.

    Which of the two is damaged, neither says.
    """
    if not archived:
        return []
    found = vault.sha256([f"{WAL}/{path.name}" for path in archived])
    return [
        f"{WAL}/{path.name} has other content than in the archive: pg_waldump tells which of the two is damaged"
        for path in archived
        if found.get(f"{WAL}/{path.name}") != sha256(path)
    ]


def _rolled_forward(settings: Settings) -> tuple[list[Path], list[str]]:
    """The archived log that some base is rolled forward by, whole segments alone; and what is wrong with which."""
    log = take_stock([settings.wal_archive])
    # Most are on the way of many bases: each is looked at once.
    wanted: set[tuple[Segment, str | None]] = set()
    for base in layout.listing(settings.root, "base"):
        if base.manifest:
            with suppress(NoWay):
                segments = route_of(base.manifest, log).segments
                wanted |= {(each, base.manifest.system_identifier) for each in segments}
    found, bad = set(), []
    for each, system in sorted(wanted, key=lambda pair: (pair[0].name, pair[1] or "")):
        if each.partial or each.left is not None:
            continue  # the receiver's own; or undone in part
        try:
            check_segment(each, log, system)
            found.add(each.path)
        except NoWay as error:
            bad.append(f"in this site's archive {error}: it is not sent")
    return sorted(found), bad


def files_of(backup: Backup) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of each of a backup's files by its manifest, by the path under the root; of none without one."""
    manifest: Manifest | None = backup.manifest
    if manifest is None:
        return {}
    path = _path(backup.kind, backup.path.name)
    if manifest.files is None:
        return {path: (manifest.bytes, manifest.sha256)}
    return {f"{path}/{file}": (each.bytes, each.sha256) for file, each in manifest.files.items()}


def digests_differ(files: Mapping[str, tuple[int, str]], found: Mapping[str, str]) -> str:
    """In what files are not those that a manifest tells of; empty when in nothing."""
    for path, (_, digest) in files.items():
        if path not in found:
            return f"{path} is missing"
        if found[path] != digest:
            return f"{path} has other content than when it was made: its SHA-256 differs"
    return ""


def _path(kind: Kind, file: str) -> str:
    return f"{layout.FOLDERS[kind]}/{file}"


def _sizes_differ(files: Mapping[str, tuple[int, str]], there: Mapping[str, int]) -> str:
    for path, (size, _) in files.items():
        if there.get(path) != size:
            return f"{path} has {there[path]} bytes, not {size}" if path in there else f"{path} is missing"
    return ""


def _send(settings: Settings, vault: Vault, new: list[Backup]) -> list[str]:
    """Copy backups, and then their manifests, so that what is half there is no backup.

    :returns: what is wrong with which; none of those gets its name.
    """
    vault.discard()
    manifests = {_path(each.kind, each.manifest_path.name): each.manifest_path for each in new}
    files = {path: expected for each in new for path, expected in files_of(each).items()}
    files |= {path: (0, sha256(manifest)) for path, manifest in manifests.items()}
    vault.upload(settings.root, list(files))
    found = vault.sha256(list(files), incoming=True)
    bad = []
    for each in list(new):
        path = _path(each.kind, each.manifest_path.name)
        differ = digests_differ({**files_of(each), path: files[path]}, found)
        if differ:
            bad.append(differ)
            new.remove(each)
    if new:
        made = [_path(each.kind, each.path.name) for each in new]
        refuse_unless_active(settings)  # once more: copying may have taken hours
        vault.publish([*made, *(_path(each.kind, each.manifest_path.name) for each in new)])
    if bad:
        vault.discard()
    return bad
