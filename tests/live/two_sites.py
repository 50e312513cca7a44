"""A site with its database, cache and backups, and the vault of a second one; small enough to start in seconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from chaos.reaper import sweep
from reports.folder import create
from stack.execution import ExecResult
from stack.stack import Stack

NIGHTLY = "/usr/local/bin/backup_database.sh"
VAULT = "sftp://drill@toxiproxy:20022/vault"


@dataclass(frozen=True)
class Sites:
    """Both, up and healthy."""

    a: Stack
    b: Stack

    def backup(self, *argv: str, timeout_s: float = 90) -> ExecResult:
        """Run a command where backups are made."""
        return self.a.exec("backup", argv, timeout_s)

    def vault(self, *argv: str) -> ExecResult:
        """Run a command in the vault."""
        return self.b.exec("vault", argv, 30)


@contextmanager
def two_sites(root: Path) -> Iterator[Sites]:
    """Both sites, gone afterwards.

    :param root: where the run's folder is made.
    """
    with create(root, f"backups-{secrets.token_hex(3)}") as folder:
        a = Stack(folder.path.name, folder.path)
        b = Stack(folder.path.name, folder.path, site="b")
        try:
            a.set_variable("DRILL_VAULT", VAULT)
            a.compose("up", "--detach", "--wait", "backup", "redis", "toxiproxy", timeout_s=150)
            b.compose("up", "--detach", "--wait", "vault", timeout_s=150)
            yield Sites(a, b)
        finally:
            sweep(a.docker, a.drill_id)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Both, for all the tests of a module."""
    with two_sites(tmp_path_factory.mktemp("runs")) as up:
        yield up


@pytest.fixture(scope="module")
def night(sites: Sites) -> None:
    """One night's backups, for all tests that only need some: the volume would not hold one for each."""
    done = sites.backup(NIGHTLY)
    assert done.exit_code == 0, done.output


def ask(sites: Sites, question: str) -> Any:
    with psycopg.connect(sites.a.dsn(), autocommit=True) as connection:
        return (connection.execute(question).fetchone() or (None,))[0]


def execute(sites: Sites, command: LiteralString | sql.Composed) -> None:
    with psycopg.connect(sites.a.dsn(), autocommit=True) as connection:
        connection.execute(command)


def vault_has_all(sites: Sites) -> bool:
    """Whether the vault has flushed all that the database has written, by its slot."""
    has_all = "SELECT restart_lsn >= pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = 'vault'"
    return bool(ask(sites, has_all))
