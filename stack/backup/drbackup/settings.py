"""What the environment says; the only module that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drbackup.errors import Cannot

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Settings:
    """Every setting, checked.

    :param vault: where off-site copies go, ``sftp://user@host:port/path``; empty: nowhere.
    :param ssh_key: private key for the vault; the vault's own public key, ``host.pub``, lies beside it.
    :param age_recipient: public key that backups are encrypted for; empty: they are not.
    :param age_identity: file of the private key, for reading them again; None where only backups are made.
    :param scratch: where a base backup is unpacked to be checked: not the backups' own volume, which it would fill.
    :param state: where it is kept how the last runs ended: not on the backups' volume either, but on one of its own.
    :param config: what a config backup is made of, mounted read-only.
    :param site: this one's name.
    :param witness: a file that names the site which may serve; not there: nobody has ever failed over.
    :param git: a repository whose release tag is looked for; None: it is not looked for.
    """

    host: str = "postgres"
    user: str = "postgres"
    password: str = ""
    database: str = "minimarket"
    redis_url: str = "redis://redis:6379/0"
    root: Path = Path("/backups")
    wal_archive: Path = Path("/wal_archive")
    vault: str = ""
    ssh_key: Path = Path("/vault-keys/backup")
    retention_days: int = 30
    age_recipient: str = ""
    age_identity: Path | None = None
    scratch: Path = Path("/var/tmp")
    state: Path = Path("/var/lib/drbackup")
    config: Path = Path("/config")
    site: str = "a"
    witness: Path = Path("/witness/active-site")
    git: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read libpq's variables, ``REDIS_URL`` and ``DRBACKUP_*``; one that is empty counts as not set.

        :raises Cannot: naming the variable that is wrong.
        """

        def text(name: str, default: str) -> str:
            return environment.get(name) or default

        days = text("DRBACKUP_RETENTION_DAYS", "30")
        if not days.isdecimal() or int(days) < 1:
            raise Cannot("DRBACKUP_RETENTION_DAYS is not a whole number of days from 1 on")
        database = text("PGDATABASE", cls.database)
        if not _NAME.fullmatch(database):
            raise Cannot(
                f"PGDATABASE is {database!r}: a dump's name can hold letters, digits, _ and - of it only"
            )
        identity = environment.get("DRBACKUP_AGE_IDENTITY_FILE")
        git = environment.get("DRBACKUP_GIT_DIR")
        return cls(
            host=text("PGHOST", cls.host),
            user=text("PGUSER", cls.user),
            password=text("PGPASSWORD", cls.password),
            database=database,
            redis_url=text("REDIS_URL", cls.redis_url),
            root=Path(text("DRBACKUP_ROOT", str(cls.root))),
            wal_archive=Path(text("DRBACKUP_WAL_ARCHIVE", str(cls.wal_archive))),
            vault=text("DRBACKUP_VAULT", cls.vault),
            ssh_key=Path(text("DRBACKUP_SSH_KEY", str(cls.ssh_key))),
            retention_days=int(days),
            age_recipient=text("DRBACKUP_AGE_RECIPIENT", cls.age_recipient),
            age_identity=Path(identity) if identity else None,
            scratch=Path(text("DRBACKUP_SCRATCH", str(cls.scratch))),
            state=Path(text("DRBACKUP_STATE", str(cls.state))),
            config=Path(text("DRBACKUP_CONFIG", str(cls.config))),
            site=text("DRBACKUP_SITE", cls.site),
            witness=Path(text("DRBACKUP_WITNESS", str(cls.witness))),
            git=Path(git) if git else None,
        )
