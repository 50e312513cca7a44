"""Digests, and encryption at rest by age: https://age-encryption.org."""

from __future__ import annotations

import hashlib
from pathlib import Path

from drbackup.layout import AGE
from drbackup.manifest import Manifest
from drbackup.programs import run
from drbackup.settings import Settings

_TIMEOUT_S = 3600.0


def sha256(path: Path) -> str:
    """SHA-256 of a file as it lies on disk.

    :raises OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(settings: Settings, path: Path) -> Path:
    """Encrypt a file that was made and checked, when the settings name a recipient; the plain one is removed.

    :returns: the file that is to be kept.
    :raises Cannot: when age fails.
    """
    if not settings.age_recipient:
        return path
    target = path.with_name(path.name + AGE)
    run(["age", "-r", settings.age_recipient, "-o", str(target), str(path)], timeout_s=_TIMEOUT_S)
    path.unlink()
    return target


def differs(path: Path, manifest: Manifest) -> str:
    """In what the files of a backup are not those that its manifest tells of; empty when in nothing.

    Sizes first, since they cost nothing.
    """
    files = manifest.files or {}
    expected = {path / name: (each.bytes, each.sha256) for name, each in files.items()} or {
        path: (manifest.bytes, manifest.sha256)
    }
    try:
        for file, (size, _) in expected.items():
            if file.stat().st_size != size:
                return f"{file.name} has {file.stat().st_size} bytes, not {size}"
        for file, (_, digest) in expected.items():
            if sha256(file) != digest:
                return f"{file.name} has other content than when it was made: its SHA-256 differs"
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    return ""
