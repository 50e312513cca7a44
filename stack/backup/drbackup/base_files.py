"""A base backup's files, back where a server wants them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from drbackup.errors import Bad
from drbackup.layout import AGE
from drbackup.manifest import Manifest
from drbackup.programs import last_words
from drbackup.scratch import scratch_folder
from drbackup.seal import sha256

UNPACK_TIMEOUT_S = 4 * 3600  # as long as one may take to be made
# Of 512 bytes each. With tar's own 20, unpacking 1 GB takes 1.9 s and its sync 0.6 s; with these 1.1 s and 0.3 s.
_BLOCKS = 2048


def unpack(base: Path, target: Path, identity: Path | None = None) -> None:
    """Unpack a base backup into ``target``, which is there and empty.

    :param identity: age's private key, for one that is encrypted.
    :raises Bad: when it cannot be unpacked, with what tar or age says.
    """
    archives = {"base.tar": target, "pg_wal.tar": target / "pg_wal"}
    for name, into in archives.items():
        into.mkdir(exist_ok=True)
        sealed = base / f"{name}{AGE}"
        if sealed.exists():
            if identity is None:
                raise Bad(f"{base.name} is encrypted, and DRBACKUP_AGE_IDENTITY_FILE names no key")
            with decrypted(sealed, identity) as file:
                _untar("-", into, file)
        else:
            _untar(str(base / name), into, None)
    if not (base / "backup_manifest").is_file():
        raise Bad(f"{base.name} has no backup_manifest")
    shutil.copyfile(base / "backup_manifest", target / "backup_manifest")
    target.chmod(0o700)


def _untar(archive: str, into: Path, stdin: IO[bytes] | None) -> None:
    done = subprocess.run(
        ["tar", "--extract", f"--blocking-factor={_BLOCKS}", f"--file={archive}", f"--directory={into}"],
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=UNPACK_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise Bad(f"{archive} cannot be unpacked: {last_words(done.stderr)}")


@contextmanager
def decrypted(path: Path, identity: Path) -> Iterator[IO[bytes]]:
    """What an encrypted file holds, as a pipe.

    :param identity: age's private key.
    :raises Bad: at the end, when it could not be decrypted.
    """
    command = ["age", "--decrypt", "--identity", str(identity), str(path)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as age,
    ):
        if age.stdout is None:
            raise RuntimeError("no pipe to age")
        yield age.stdout
        whole = not age.stdout.read(1)
        age.stdout.close()
        # Left before its end, as after a tar's last block, age dies of the closed pipe: no fault of the backup.
        if age.wait(UNPACK_TIMEOUT_S) and whole:
            said.seek(0)
            raise Bad(
                f"{path.name} cannot be decrypted: {last_words(said.read().decode('utf-8', 'replace'))}"
            )


def unpack_checked(base: Path, manifest: Manifest, target: Path, identity: Path | None) -> None:
    """Unpack a base backup, and hash its files meanwhile, on another core.

    :raises Bad: when it cannot be unpacked, or is not what was written; what is in ``target`` then is of no use.
    """
    expected = {
        "backup_manifest": manifest.sha256,
        **{n: f.sha256 for n, f in (manifest.files or {}).items()},
    }
    with ThreadPoolExecutor(1) as beside:
        hashes = {name: beside.submit(sha256, base / name) for name in expected}
        unpack(base, target, identity)
        changed = [name for name, found in hashes.items() if found.result() != expected[name]]
    if changed:
        raise Bad(f"{base.name}/{changed[0]} does not have the SHA-256 of the manifest")


@contextmanager
def unpacked(base: Path, scratch: Path, identity: Path | None) -> Iterator[Path]:
    """A base backup, unpacked below ``scratch``; gone afterwards.

    :raises Bad: when it cannot be unpacked.
    """
    with scratch_folder(scratch) as folder:
        target = folder / "base"
        target.mkdir()
        unpack(base, target, identity)
        yield target
