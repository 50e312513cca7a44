"""Copies out of the site: what is new goes to the vault, is read back there, and only then has its name there."""

from __future__ import annotations

import argparse

from drbackup import layout, report
from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup
from drbackup.lock import only_run
from drbackup.manifest import KINDS, Manifest
from drbackup.settings import Settings
from drbackup.vault import Vault


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--all", action="store_true", help="read everything in the vault back, not only what is new"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """``drbackup offsite``."""
    with only_run(settings.root):
        copy(settings, everything=options.all)
    return 0


def copy(settings: Settings, *, everything: bool = False) -> None:
    """Copy what the vault has not got; with the lock held.

    Of what was there before, the sizes are compared; and the SHA-256 too, of ``everything``.

    :raises Cannot: when the vault cannot be reached, or nobody has named one.
    :raises Bad: when something that was copied, or lies there, is not what its manifest tells of.
    """
    vault = Vault.of(settings)
    bad = []
    for kind in KINDS:
        folder = layout.folder(settings.root, kind).name
        there = vault.sizes(folder)
        for backup in layout.listing(settings.root, kind):
            if not backup.manifest:
                continue
            is_new = backup.manifest_path.name not in there
            problem = _send(vault, folder, backup) if is_new else _sizes_differ(there, backup.manifest)
            if not problem and not is_new and everything:
                problem = differs(vault, folder, backup.path.name, backup.manifest)
            if problem:
                bad.append(f"{folder}/{problem}")
            elif is_new:
                report.say(f"offsite {folder}/{backup.path.name}, read back")
    if bad:
        raise Bad(f"in the vault: {'; '.join(bad)}")


def expected(name: str, manifest: Manifest) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of each of a backup's files, by its path in the folder of its kind."""
    if manifest.files is None:
        return {name: (manifest.bytes, manifest.sha256)}
    return {f"{name}/{file}": (each.bytes, each.sha256) for file, each in manifest.files.items()}


def differs(vault: Vault, folder: str, name: str, manifest: Manifest) -> str:
    """In what the files under ``name`` in the vault are not what the manifest tells of; empty when in nothing."""
    wanted = expected(name, manifest)
    found = vault.sha256(folder, list(wanted))
    for file, (_, digest) in wanted.items():
        if file not in found:
            return f"{file} is missing"
        if found[file] != digest:
            return f"{file} has other content than when it was made: its SHA-256 differs"
    return ""


def _sizes_differ(there: dict[str, int], manifest: Manifest) -> str:
    for file, (size, _) in expected(manifest.file, manifest).items():
        if there.get(file) != size:
            return f"{file} has {there[file]} bytes, not {size}" if file in there else f"{file} is missing"
    return ""


def _send(vault: Vault, folder: str, backup: Backup) -> str:
    """Copy one backup, then its manifest.

    :returns: what is wrong with it; empty when nothing is. What is wrong does not get its name.
    """
    if backup.manifest is None:
        raise Cannot(f"{backup.path} has no manifest: it is no backup")
    hidden = vault.upload(backup.path, folder)
    problem = differs(vault, folder, hidden, backup.manifest)
    if problem:
        return problem
    vault.rename(folder, hidden, backup.path.name)
    manifest = vault.upload(backup.manifest_path, folder)
    vault.rename(folder, manifest, backup.manifest_path.name)
    return ""
