"""A site with its database, cache and backups, and the vault of a second one; small enough to start in seconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.reaper import sweep
from reports.folder import create
from stack.stack import ExecResult, Stack

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
