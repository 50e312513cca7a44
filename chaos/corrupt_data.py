"""Disk: data files of PostgreSQL are damaged, and it crashes, so that it has to start on them.

::

    prepare: ask which files
    inject: CHECKPOINT; overwrite pages; kill the postmaster ──▶ effective: it was brought back, and cannot serve
        ──▶ heal: have the service run, on whatever volume it has now ──▶ healed: healthy, and the table can be read

The damaged volume is never repaired: what is on it is not to be trusted, and a recovery goes to a fresh one.
Until then the service cannot be healthy. What each kind of damage does (measured, 17.12, checksums on):

- pages of a table alone: the server starts, is healthy and takes INSERTs; reading those pages fails (XX001);
- ``pg_class`` of its database, too: it starts, and ``pg_isready`` has it "accepting connections", while each
  session is refused: "invalid page in block 0 of relation base/16384/1259";
- ``global/pg_control``, too: it does not start at any attempt, and the restart policy goes round and round.

A page that was changed since the last checkpoint would be made good by the recovery, from its image in the WAL:
hence the CHECKPOINT (PostgreSQL manual, "Reliability").
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import docker.errors

from chaos.base import saved, transient
from chaos.containers import ContainerFault, is_down, own_container
from chaos.postgres import DATABASE, PostgresError, query, quoted
from chaos.processes import kill_main_process
from plan.errors import UserError
from stack.wait import wait_until

TIMEOUT_S = 30.0
PAGE = 8192

# In place and no further than the file goes: a file of another length would be another fault. In pg_control, what lies
# behind its version: the checksum over all of it no longer fits.
_DAMAGE = """
damage() { tr '\\0' '\\245' </dev/zero | dd of="$1" bs="$2" seek="$3" count="$4" iflag=fullblock conv=notrunc,fsync; }
cd "$1" || exit 1
for file in "$2" "$3"; do
  have=$(($(stat -c %s "$file") / $4))
  [ "$have" -lt "$5" ] || have=$5
  [ "$have" -gt 0 ] || { echo "$file is empty"; exit 1; }
  damage "$file" "$4" 0 "$have" || exit 1
done
[ -z "$6" ] || damage global/pg_control 32 2 2
"""


@dataclass
class CorruptData(ContainerFault):
    """Damages the files of ``table`` and of its database's catalogue in the PostgreSQL that ``service`` runs.

    :param pages: how many pages of each file, from its beginning.
    :param control: whether ``global/pg_control`` is damaged too, so that the server does not even start.

    ``folder`` is where the files are, in the container; the others are theirs below it.
    """

    name: ClassVar[str] = "corrupt-data"
    service: str = "postgres"
    table: str = "sales"
    database: str = DATABASE
    pages: int = 64
    control: bool = True
    folder: str = saved("")
    table_file: str = saved("")
    catalogue_file: str = saved("")
    _started: str | None = transient()
    _restarts: int | None = transient()

    def describe(self) -> str:
        """One sentence for the report."""
        control = ", and its control file," if self.control else ""
        return (
            f"Pages of the table {self.table} and of pg_class{control} are overwritten on the disk of "
            f"{self.service}; then its main process is killed."
        )

    def prepare(self) -> None:
        """Ask where they are."""
        look = (
            f"SELECT current_setting('data_directory'), pg_relation_filepath('{quoted(self.table)}'), "
            "pg_relation_filepath('pg_class')"
        )
        [found] = query(self.stack, self.service, look, self.database)
        self.folder, self.table_file, self.catalogue_file = found

    def inject(self) -> None:
        """Damage them, then have the server crash before it writes them again.

        :raises UserError: when they cannot be written to.
        """
        container = own_container(self.stack, self.service)
        self._started = container.attrs["State"]["StartedAt"]
        self._restarts = int(container.attrs["RestartCount"])
        query(self.stack, self.service, "CHECKPOINT", self.database, TIMEOUT_S)
        files = (self.folder, self.table_file, self.catalogue_file)
        argv = ["sh", "-c", _DAMAGE, "sh", *files, str(PAGE), str(self.pages), "1" if self.control else ""]
        done = self.stack.exec(self.service, argv, TIMEOUT_S, user="root")
        if done.exit_code != 0:
            raise UserError(
                f"the files of {self.table} could not be damaged: {done.output.strip()}",
                "name a table with rows in it, on a PostgreSQL whose files are in its container",
            )
        kill_main_process(self.stack, self.service, container)

    def wait_effective(self, timeout_s: float) -> float:
        """When the server was first seen dead, once it was brought back and could not serve again."""
        died: list[float] = []

        def cannot_serve() -> bool:
            container = self.stack.container(self.service)
            state = container.attrs["State"]
            if not died and (is_down(container) or state["StartedAt"] != self._started):
                died.append(time.monotonic())
            return bool(died) and (self._goes_round(container.attrs["RestartCount"]) or self._refuses())

        wait_until(
            cannot_serve,
            timeout_s=timeout_s,
            what=f"{self.service} has crashed and cannot serve any more",
            every_s=0.02,
            why_not=lambda: "it serves" if died else "it has not crashed",
        )
        return died[0]

    def _goes_round(self, restarts: int) -> bool:
        return restarts >= (self._restarts or 0) + 2

    def _refuses(self) -> bool:
        try:
            query(self.stack, self.service, "SELECT", self.database)
        except PostgresError as error:
            return "invalid page" in str(error)
        except docker.errors.APIError:
            pass  # between two starts; the next look decides
        return False

    def wait_healed(self, timeout_s: float) -> None:
        """Until it is up and healthy, and every row of the table can be read."""
        super().wait_healed(timeout_s)
        read = f"SELECT count(t) FROM {quoted(self.table)} AS t"
        wait_until(
            lambda: not self.stack.containers() or query(self.stack, self.service, read, self.database),
            timeout_s=timeout_s,
            what=f"the table {self.table} can be read",
        )
