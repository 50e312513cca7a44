"""Database sessions that are held open by clients inside the database's own container.

A restart of the container ends them with everything else. The clients, not the server, are what healing ends
first: it works while the server lets nobody in. A session whose client is dead ends when it would read from it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from docker.models.containers import Container

from chaos.base import StackFault
from chaos.containers import is_down, own_container
from chaos.marks import SESSION_PREFIX
from chaos.postgres import PostgresError, conninfo, end_sessions, fault_sessions, psql
from stack.wait import wait_until

_END_TIMEOUT_S = 5.0

# On descriptor 3 is a pipe that nobody writes to and nobody closes: who reads from it, idles. It has no name
# left in the file system that could outlive this script.
_IDLE_PIPE = """
pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe" || exit 1
"""

# All clients of a fault carry its mark in their arguments. This script is given it in two halves, so that it
# does not find itself. Again until there is none: one may have been starting another.
_END_CLIENTS = """
while :; do
  found=
  for folder in /proc/[0-9]*; do
    if grep -qsF -e "$1$2" "$folder/cmdline"; then found="$found ${folder#/proc/}"; fi
  done
  [ -n "$found" ] || exit 0
  kill -9 $found
done
"""


@dataclass
class SessionFault(StackFault):
    """A fault that consists of open sessions, which carry its mark; it is undone when none is left."""

    @property
    def mark(self) -> str:
        """The application name of its sessions."""
        return f"{SESSION_PREFIX}-{self.name}"

    def hold(self, script: str, *arguments: str, database: str) -> None:
        """Run the shell ``script`` in the container and do not wait for it.

        It finds psql's command, as far as it is the same for each session, in ``"$@"`` after shifting
        ``arguments`` away, and on descriptor 3 a pipe that gives nothing and never ends.
        """
        container = own_container(self.stack, self.service)
        argv = [*arguments, *psql(conninfo(self.mark, database))]
        container.exec_run(["sh", "-c", _IDLE_PIPE + script, self.mark, *argv], detach=True)

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
