"""The vault in the other site, as rclone reaches it over SFTP: files only, no command is ever run there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from drbackup.errors import Cannot
from drbackup.layout import PARTIAL
from drbackup.programs import run
from drbackup.settings import Settings

_ANSWER_S = 60.0
_COPY_S = 4 * 3600.0
_REMOTE = "VAULT"


@dataclass(frozen=True)
class Vault:
    """Paths are relative to the vault's root. Every method raises :class:`Cannot` when the vault does not answer."""

    root: PurePosixPath
    environment: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault that the settings name.

        :raises Cannot: when they name none, or the key to it is not there (it is made at the vault's first start).
        """
        address = urlsplit(settings.vault)
        if address.scheme != "sftp" or not address.hostname or not address.path.startswith("/"):
            raise Cannot("DRBACKUP_VAULT is not an address as sftp://user@host:port/path")
        known_hosts = settings.ssh_key.with_name("known_hosts")
        if not known_hosts.is_file():
            raise Cannot(
                f"there is no key to the vault in {settings.ssh_key.parent}: has the vault been started?"
            )
        options = {
            "TYPE": "sftp",
            "HOST": address.hostname,
            "PORT": str(address.port or 22),
            "USER": address.username or "",
            "KEY_FILE": str(settings.ssh_key),
            "KNOWN_HOSTS_FILE": str(known_hosts),
            "SHELL_TYPE": "none",
            "DISABLE_HASHCHECK": "true",
        }
        environment = {f"RCLONE_CONFIG_{_REMOTE}_{name}": value for name, value in options.items()}
        own = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        return cls(PurePosixPath(address.path), {**own, "RCLONE_CONFIG": "/dev/null", **environment})

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Every file below ``folder``, by its path from there, with its size in bytes."""
        if folder and f"{folder}/" not in self._rclone("lsf", self._at(""), "--dirs-only").splitlines():
            return {}
        listed = json.loads(
            self._rclone("lsjson", "--recursive", "--files-only", "--no-modtime", self._at(folder))
        )
        return {item["Path"]: item["Size"] for item in listed}

    def text(self, path: str) -> str:
        """What is in a small file."""
        return self._rclone("cat", self._at(path))

    def sha256(self, folder: str, files: Sequence[str]) -> dict[str, str]:
        """SHA-256 of files as they lie there: each is read back, since no command is run in the vault."""
        names = "".join(f"/{file}\n" for file in files)
        argv = ("hashsum", "sha256", "--download", "--files-from-raw", "-", self._at(folder))
        lines = self._rclone(*argv, timeout_s=_COPY_S, stdin=names).splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}

    def upload(self, source: Path, folder: str) -> str:
        """Copy a file, or a folder, to a hidden name in ``folder``, where no restore looks.

        :returns: that name.
        """
        hidden = f"{PARTIAL}{source.name}"
        command = "copy" if source.is_dir() else "copyto"
        self._rclone(
            command, "--ignore-times", str(source), self._at(f"{folder}/{hidden}"), timeout_s=_COPY_S
        )
        return hidden

    def rename(self, folder: str, old: str, new: str) -> None:
        """Give a file or folder its final name."""
        self._rclone("moveto", self._at(f"{folder}/{old}"), self._at(f"{folder}/{new}"))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files."""
        listed = "".join(f"/{path}\n" for path in paths)
        self._rclone("delete", "--files-from-raw", "-", self._at(""), stdin=listed)

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        self._rclone("purge", self._at(path))

    def _at(self, path: str) -> str:
        return f"{_REMOTE.lower()}:{self.root / path}"

    def _rclone(self, *argv: str, timeout_s: float = _ANSWER_S, stdin: str | None = None) -> str:
        bounds = (
            "--contimeout=5s",
            "--timeout=30s",
            "--retries=2",
            "--low-level-retries=2",
            "--log-level=ERROR",
        )
        return run(("rclone", *bounds, *argv), timeout_s=timeout_s, environment=self.environment, stdin=stdin)
