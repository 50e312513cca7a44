"""``drbackup fetch``: bring the newest base, and all the log there is, back from the vault."""

from __future__ import annotations

import argparse
from pathlib import Path

from drbackup.errors import Cannot
from drbackup.report import say
from drbackup.settings import Settings
from drbackup.vault import Vault

FOLDERS = ("base", "wal")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="where it is put")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Copy what a recovery to a point in time needs; 0 when it is there.

    :raises Cannot: without a vault, or when it cannot be reached.
    """
    if not settings.vault:
        raise Cannot("DRBACKUP_VAULT is not set: there is nothing to fetch from")
    vault = Vault.of(settings)
    for folder in FOLDERS:
        vault.download(folder, options.into / folder)
        say(f"fetched {folder} from the vault")
    return 0
