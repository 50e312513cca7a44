"""Database sessions that are held open by clients inside the database's own container.

A restart of the container ends them with everything else. The clients, not the server, are what healing ends
first: it works while the server lets nobody in. A session whose client is dead ends when it would read from it.

A client is one process without children. The postmaster is PID 1 there and adopts orphans: one that is killed
looks to it like a crashed backend, and it restarts the whole database for that (measured, 17.12).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from docker.models.containers import Container

from chaos.base import StackFault
from chaos.containers import is_down, own_container
from chaos.marks import SESSION_PREFIX
from chaos.postgres import PostgresError, end_sessions, fault_sessions
from stack.wait import wait_until

_END_TIMEOUT_S = 5.0

# All clients of a fault carry its mark in their arguments. This script is given it in two halves, so that it
# does not find itself.
_END_CLIENTS = """
for folder in /proc/[0-9]*; do
  if grep -qsaF -e "$1$2" "$folder/cmdline"; then kill -9 "${folder#/proc/}" || :; fi
done
"""


@dataclass
class SessionFault(StackFault):
    """A fault that consists of open sessions, which carry its mark; it is undone when none is left."""

    @property
    def mark(self) -> str:
        """The application name of its sessions."""
        return f"{SESSION_PREFIX}-{self.name}"

    def hold(self, *argv: str) -> None:
        """Start a client in the container, which has the mark among its arguments; do not wait for it."""
        own_container(self.stack, self.service).exec_run(list(argv), detach=True)

    def heal(self) -> None:
        """End the clients, then whatever session is left without one."""
        container = self._running()
        if container is None:
            return
        half = len(self.mark) // 2
        argv = ["sh", "-c", _END_CLIENTS, "sh", self.mark[:half], self.mark[half:]]
        ended = self.stack.exec(self.service, argv, _END_TIMEOUT_S, user="root")
        if ended.exit_code != 0:
            raise PostgresError(f"the clients in {self.service} could not be ended: {ended.output.strip()}")
        with suppress(PostgresError):  # it does not answer: whether a session is left is asked again later
            end_sessions(self.stack, self.service, self.mark)

    def wait_healed(self, timeout_s: float) -> None:
        """Until the server says that no session of the fault is left; a server that is down has none."""
        wait_until(
            lambda: self._running() is None or not fault_sessions(self.stack, self.service, self.mark),
            timeout_s=timeout_s,
            what=f"{self.service} has no session {self.mark}",
        )

    def _running(self) -> Container | None:
        """Its container; None when there is none or nothing runs in it."""
        try:
            container = own_container(self.stack, self.service)
        except LookupError:
            return None
        return None if is_down(container) else container
