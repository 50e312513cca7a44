"""``drbackup fetch``: bring back from the vault what a recovery needs: one base, and all the log from there on.

The base that ``drbackup pitr`` would take for the same ``--to``; one that is damaged is passed over for the one before
it. The log before it stays where it is, and so does WAL that a recovery to a moment has undone, unless ``--timeline``
asks for it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from drbackup import layout
from drbackup.errors import Bad, Cannot
from drbackup.layout import Backup
from drbackup.manifest import ManifestError, read
from drbackup.offsite import files_of
from drbackup.report import say, size
from drbackup.retention import WAL_FOLDER, obsolete_wal
from drbackup.seal import differs
from drbackup.settings import Settings
from drbackup.target import choose_bases, read_target, target_argument
from drbackup.vault import Vault
from drbackup.wal import take_stock


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="where it is put")
    target_argument(parser)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Copy what a recovery to that moment needs; 0 when it is there.

    :raises Bad: when no base can be used.
    :raises Cannot: for a target that is no time, without a vault, or when it cannot be reached.
    """
    target, undone = read_target(options.to), options.timeline is not None
    if not settings.vault:
        raise Cannot("DRBACKUP_VAULT is not set: there is nothing to fetch from")
    vault = Vault.of(settings)
    # Before the log: each base that is known by then has the log that it needs in the vault.
    bases = _known(vault, options.into)
    log = options.into / "wal"
    with ThreadPoolExecutor(1) as beside:
        sizes = beside.submit(vault.sizes)
        vault.download("wal", log, only="*.history", undone=undone)
        there = sizes.result()
    damaged: list[str] = []
    for base, manifest in choose_bases(bases, target, take_stock([log], options.timeline)):
        if fault := _fetch(vault, base, there):
            say(f"{base.path.name} cannot be used: {fault}")
            damaged.append(f"{base.path.name}: {fault}")
            continue
        say(f"fetched {base.path.name} ({size(manifest.bytes)}) from the vault")
        files = {
            path.removeprefix(WAL_FOLDER): each for path, each in there.items() if path.startswith(WAL_FOLDER)
        }
        # What is left out is named, and not what is wanted: a segment may get its last name just now.
        before = obsolete_wal(files, [manifest])
        vault.download("wal", log, without=before, undone=undone)
        say("fetched the wal from there on")
        return 0
    raise Bad(f"no base can be used: {'; '.join(damaged)}")


def _known(vault: Vault, into: Path) -> list[Backup]:
    """The bases in the vault, by their manifests alone, each with the place that it is to have."""
    bases = []
    with tempfile.TemporaryDirectory(prefix="drbackup-vault.") as folder:
        vault.manifests(Path(folder))
        for path in layout.folder(Path(folder), "base").glob("*.json"):
            try:
                manifest = read(path)
            except ManifestError as error:
                say(str(error))
                continue
            if (manifest.kind, manifest.file) == ("base", path.stem):
                place = layout.folder(into, "base") / manifest.file
                bases.append(Backup("base", place, manifest.started_utc, manifest))
    return bases


def _fetch(vault: Vault, base: Backup, there: Mapping[str, int]) -> str:
    """Copy a base to its place, its manifest last.

    :param there: the vault's files and their sizes: what is not whole is not even begun.
    :returns: in what it is not what was made, and it is not there then; empty when in nothing.
    """
    if base.manifest is None:
        return base.problem
    for path, (expected, _) in files_of(base).items():
        if there.get(path) != expected:
            return (
                f"{path} has {there[path]} bytes, not {expected}" if path in there else f"{path} is missing"
            )
    base.manifest_path.unlink(missing_ok=True)
    vault.download(f"{layout.FOLDERS['base']}/{base.path.name}", base.path)
    if fault := differs(base.path, base.manifest):
        shutil.rmtree(base.path)
        return fault
    base.manifest_path.write_text(base.manifest.to_json(), encoding="utf-8")
    return ""
