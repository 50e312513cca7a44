"""A base backup's files, back where a server wants them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from drbackup.errors import Bad
from drbackup.manifest import Manifest

UNPACK_TIMEOUT_S = 3600


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(base: Path, target: Path) -> None:
    """Unpack a base backup into ``target``, which is there and empty.

    :raises Bad: when it cannot be unpacked, with what tar says.
    """
    archives = {"base.tar": target, "pg_wal.tar": target / "pg_wal"}
    if more := [path.name for path in base.glob("*.tar") if path.name not in archives]:
        raise Bad(
            f"{base.name} has tablespaces of its own ({', '.join(more)}), and no place for them is known"
        )
    for name, into in archives.items():
        into.mkdir(exist_ok=True)
        done = subprocess.run(
            ["tar", "--extract", f"--file={base / name}", f"--directory={into}"],
            capture_output=True,
            text=True,
            timeout=UNPACK_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise Bad(f"{base.name}/{name} cannot be unpacked: {done.stderr.strip()}")
    if not (base / "backup_manifest").is_file():
        raise Bad(f"{base.name} has no backup_manifest")
    shutil.copyfile(base / "backup_manifest", target / "backup_manifest")
    target.chmod(0o700)


def unpack_checked(base: Path, manifest: Manifest, target: Path) -> None:
    """Unpack a base backup, and hash its files meanwhile, on another core.

    :raises Bad: when it cannot be unpacked, or is not what was written; what is in ``target`` then is of no use.
    """
    expected = {
        "backup_manifest": manifest.sha256,
        **{n: f.sha256 for n, f in (manifest.files or {}).items()},
    }
    with ThreadPoolExecutor(1) as beside:
        hashes = {name: beside.submit(sha256, base / name) for name in expected}
        unpack(base, target)
        changed = [name for name, found in hashes.items() if found.result() != expected[name]]
    if changed:
        raise Bad(f"{base.name}/{changed[0]} does not have the SHA-256 of the manifest")


@contextmanager
def unpacked(base: Path, scratch: Path) -> Iterator[Path]:
    """A base backup, unpacked below ``scratch``; gone afterwards.

    :raises Bad: when it cannot be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="drbackup-base-", dir=scratch) as folder:
        unpack(base, Path(folder))
        yield Path(folder)
