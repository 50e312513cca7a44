"""A base backup's files, back where a server wants them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drbackup.errors import Bad

UNPACK_TIMEOUT_S = 3600


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
    shutil.copyfile(base / "backup_manifest", target / "backup_manifest")
    target.chmod(0o700)


@contextmanager
def unpacked(base: Path, scratch: Path) -> Iterator[Path]:
    """A base backup, unpacked below ``scratch``; gone afterwards.

    :raises Bad: when it cannot be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="drbackup-base-", dir=scratch) as folder:
        unpack(base, Path(folder))
        yield Path(folder)
