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
from drbackup.wal import ASIDE

_ANSWER_S = 20.0
# So much longer for each file that is named or removed there: some turns over a line that may be a slow one.
_NAME_S = 0.5
_COPY_S = 4 * 3600.0
_REMOTE = "VAULT"
_INCOMING = f"{PARTIAL}incoming"
_NOT_HIDDEN = (f"--filter=- /{PARTIAL}*/**",)
_LISTED = ("--files-from-raw", "-")


@dataclass(frozen=True)
class Room:
    """The disk that the vault lies on, in bytes."""

    size: int
    used: int


@dataclass(frozen=True)
class Vault:
    """Paths are relative to the vault's root. Every method raises :class:`Cannot` when the vault does not answer."""

    root: PurePosixPath
    environment: Mapping[str, str]
    sftp: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault that the settings name.

        :raises Cannot: when they name none, or the key to it is not there (it is made at the vault's first start).
        """
        address = urlsplit(settings.vault)
        if address.scheme != "sftp" or not address.hostname or not address.path.startswith("/"):
            raise Cannot("DRBACKUP_VAULT is not an address as sftp://user@host:port/path")
        port, user = address.port or 22, address.username or ""
        known_hosts = _known_hosts(settings, address.hostname, port)
        options = {
            "TYPE": "sftp",
            "HOST": address.hostname,
            "PORT": str(port),
            "USER": user,
            "KEY_FILE": str(settings.ssh_key),
            "KNOWN_HOSTS_FILE": str(known_hosts),
            "SHELL_TYPE": "none",
            "DISABLE_HASHCHECK": "true",
        }
        environment = {f"RCLONE_CONFIG_{_REMOTE}_{name}": value for name, value in options.items()}
        own = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        sftp = ["sftp", "-q", "-b", "-", "-P", str(port), "-i", str(settings.ssh_key), "-F", "none"]
        for option in (f"UserKnownHostsFile={known_hosts}", "StrictHostKeyChecking=yes", "ConnectTimeout=5"):
            sftp += ["-o", option]
        return cls(
            PurePosixPath(address.path),
            {**own, "RCLONE_CONFIG": "/dev/null", **environment},
            (*sftp, f"{user}@{address.hostname}"),
        )

    def sizes(self) -> dict[str, int]:
        """Every file, by its path, with its size in bytes; hidden ones are not told of."""
        listed = self._rclone(
            "lsjson", "--recursive", "--files-only", "--no-modtime", *_NOT_HIDDEN, self._at()
        )
        return {item["Path"]: item["Size"] for item in json.loads(listed)}

    def room(self) -> Room:
        """How large its disk is, and how much of that is used.

        :raises Cannot: also when it does not tell: a server of SFTP need not.
        """
        told = json.loads(self._rclone("about", "--json", self._at()))
        size, used = told.get("total"), told.get("used")
        if not size or used is None:
            raise Cannot("the vault does not tell how full its disk is")
        return Room(size, used)

    def manifests(self, into: Path) -> None:
        """Fetch every manifest, under its own path."""
        self._rclone("copy", *_NOT_HIDDEN, "--include=*.json", self._at(), str(into), timeout_s=_COPY_S)

    def sha256(self, paths: Sequence[str], *, incoming: bool = False) -> dict[str, str]:
        """SHA-256 of files as they lie there: each is read back, since no command is run in the vault."""
        argv = ("hashsum", "sha256", "--download", *_LISTED, self._at(_INCOMING if incoming else ""))
        lines = self._rclone(*argv, timeout_s=_COPY_S, listed=paths).splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}

    def upload(self, root: Path, paths: Sequence[str], folder: str = "") -> None:
        """Copy files to a hidden folder, where no restore looks; what a killed run has left there is replaced.

        :param folder: which they get a place in, below what they are called under ``root``.
        """
        argv = ("copy", "--ignore-times", *_LISTED, str(root), self._at(f"{_INCOMING}/{folder}"))
        self._rclone(*argv, timeout_s=_COPY_S, listed=paths)

    def publish(self, names: Sequence[str]) -> None:
        """Give files and folders of that hidden folder their place, in this order; in one session of sftp.

        rclone would take two sessions for each folder. A folder that a killed run has left in that place goes first.
        """
        lines = []
        for name in names:
            place, hidden = self.root / name, self.root / _INCOMING / name
            lines += [
                f'-mkdir "{place.parent}"',
                f'-rm "{place}/*"',
                f'-rmdir "{place}"',
                f'rename "{hidden}" "{place}"',
            ]
        bound_s = _ANSWER_S + _NAME_S * len(names)
        run(self.sftp, timeout_s=bound_s, stdin="\n".join(lines) + "\n")

    def download(
        self, folder: str, into: Path, *, only: str = "*", without: Sequence[str] = (), undone: bool = False
    ) -> None:
        """Copy what is in a folder to this machine; what is the same there already is left alone.

        :param only: a pattern of the names that are copied.
        :param without: names of what is not.
        :param undone: WAL of a history that was undone as well.
        """
        aside = "+" if undone else "-"
        rules = [f"--filter={rule}" for rule in (f"- {PARTIAL}*", f"{aside} /{ASIDE}/**", f"+ {only}", "- *")]
        argv = ("copy", "--exclude-from=-", *rules, self._at(folder), str(into))
        self._rclone(*argv, timeout_s=_COPY_S, listed=without)

    def discard(self) -> None:
        """Remove what is in the hidden folder."""
        self._rclone("delete", "--rmdirs", f"--include=/{_INCOMING}/**", self._at())

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files."""
        bound_s = _ANSWER_S + _NAME_S * len(paths)
        self._rclone("delete", *_LISTED, self._at(), timeout_s=bound_s, listed=paths)

    def _at(self, path: str = "") -> str:
        return f"{_REMOTE.lower()}:{self.root / path}"

    def _rclone(self, *argv: str, timeout_s: float = _ANSWER_S, listed: Sequence[str] = ()) -> str:
        bounds = (
            "--contimeout=5s",
            "--timeout=30s",
            "--retries=2",
            "--low-level-retries=2",
            "--log-level=ERROR",
        )
        names = "".join(f"/{path}\n" for path in listed)
        return run(("rclone", *bounds, *argv), timeout_s=timeout_s, environment=self.environment, stdin=names)


def _known_hosts(settings: Settings, host: str, port: int) -> Path:
    """A file that says which key the vault must show, by whatever name or proxy it is reached.

    Another process may be reading it just now: it is never there in part.
    """
    try:
        key = settings.ssh_key.with_name("host.pub").read_text(encoding="ascii")
    except FileNotFoundError:
        raise Cannot(
            f"there is no key to the vault in {settings.ssh_key.parent}: has it ever been started?"
        ) from None
    settings.state.mkdir(parents=True, exist_ok=True)
    path = settings.state / "known_hosts"
    new = settings.state / f".known_hosts.{os.getpid()}"
    new.write_text(f"{host if port == 22 else f'[{host}]:{port}'} {key}", encoding="ascii")
    return new.replace(path)
