"""Disk: a volume is filled with one useless file, to the last byte or to a share of it.

::

    prepare: note which volume it is
    inject: fallocate a file as large as what is free ──▶ effective: a write fails (ENOSPC), or the share is reached
        ──▶ heal: remove the file, through whoever mounts the volume ──▶ healed: it is gone, the service healthy

PostgreSQL goes on for as long as its WAL segments and its tables' last pages have room, then refuses writes
(53100). Without room for a checkpoint it panics, recovers, and goes round; its container may restart for it,
so another one that mounts the volume is asked to remove the file first (measured, 17.12).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import docker.errors
from docker.models.containers import Container

from chaos.base import saved
from chaos.containers import ContainerFault, is_down, own_container, volumes
from chaos.guard import require_own
from chaos.marks import FILE_PREFIX
from plan.errors import UserError
from stack.execution import ExecResult, execute
from stack.wait import wait_until

FILE = FILE_PREFIX
"""The name of the file, at the top of the volume."""

FILL_TIMEOUT_S = 60.0
TIMEOUT_S = 10.0

# A page of a tmpfs counts as memory of the container that wrote it: the service has room for its own volume, others
# need not have. fallocate takes blocks at once; where others were quicker, or it is not known, they are written.
_FILL = """
cd "$1" && : >>"$2" || exit 1
room=$(stat -f -c '%S %a' . | { read -r block blocks; echo $((block * blocks - $3)); })
exec 2>/dev/null
[ "$room" -le 0 ] || fallocate -l "$room" "$2" || head -c "$room" /dev/zero >>"$2"
[ "$3" -gt 0 ] || cat /dev/zero >>"$2"
exit 0
"""

# A write that is taken goes to the file itself: nothing else on the volume is touched.
_IS_FULL = """
cd "$1" && [ -e "$2" ] || exit 1
[ "$3" -gt 0 ] || { ! echo >>"$2"; } 2>/dev/null || exit 1
stat -f -c '%S %a' . | { read -r block blocks; [ $((block * blocks)) -le "$3" ]; }
"""


@dataclass
class FillDisk(ContainerFault):
    """Fills the volume that ``service`` mounts at ``path``.

    :param percent: how full it gets, in per cent of its size; 100 is to the last byte.
    :param leave_bytes: how many bytes stay free, at least.

    ``volume`` is the name of the volume that was there when it was filled, ``keep`` how many bytes it left.
    """

    name: ClassVar[str] = "fill-disk"
    service: str = "postgres"
    path: str = "/var/lib/postgresql/data"
    percent: int = 100
    leave_bytes: int = 0
    volume: str = saved("")
    keep: int = saved(0)

    def describe(self) -> str:
        """One sentence for the report."""
        where = f"The volume at {self.path} of {self.service}"
        if self.percent >= 100 and self.leave_bytes <= 0:
            return f"{where} is filled to the last byte (ENOSPC)."
        left = f"; {self.leave_bytes} bytes are left free" if self.leave_bytes > 0 else ""
        return f"{where} is filled to {self.percent} %{left}."

    def prepare(self) -> None:
        """Note which volume is there, and work out what is to be left of it.

        :raises UserError: when there is none: what would be filled is the host's disk.
        """
        found = volumes(own_container(self.stack, self.service))
        names = [name for name, path in found.items() if path == self.path]
        if not names:
            raise UserError(
                f"{self.service} mounts no volume at {self.path}",
                f"it has {', '.join(found.values()) or 'none at all'}",
            )
        [self.volume] = names
        size = self.stack.exec(self.service, ["stat", "-f", "-c", "%S %b", self.path], user="root")
        block, blocks = (int(figure) for figure in size.output.split())
        self.keep = max(self.leave_bytes, block * blocks * (100 - self.percent) // 100, 0)

    def inject(self) -> None:
        """Fill it.

        :raises UserError: when it cannot be filled.
        """
        done = self._run(_FILL, FILL_TIMEOUT_S)
        if done.exit_code != 0:
            raise UserError(
                f"{self.path} of {self.service} could not be filled: {done.output.strip()}",
                f"see whether the volume can be written to, and is small enough to be filled in {FILL_TIMEOUT_S:g} s",
            )

    def wait_effective(self, timeout_s: float) -> float:
        """When a write to the volume was first seen to fail, or its share to be reached."""
        wait_until(
            lambda: self._run(_IS_FULL, TIMEOUT_S).exit_code == 0,
            timeout_s=timeout_s,
            what=f"{self.path} of {self.service} has no more than {self.keep} bytes left",
        )
        return time.monotonic()

    def _run(self, script: str, timeout_s: float) -> ExecResult:
        argv = ["sh", "-c", script, "sh", self.path, FILE, str(self.keep)]
        return self.stack.exec(self.service, argv, timeout_s, user="root")

    def heal(self) -> None:
        """Remove the file, then have the service run again, if want of room has brought it down."""
        for container, path in self._mounts():
            try:
                removed = execute(container, ["rm", "-f", f"{path}/{FILE}"], TIMEOUT_S, user="root")
            except docker.errors.APIError:
                continue  # it went down meanwhile: the next one may be there
            if removed.exit_code == 0:
                break
        super().heal()

    def wait_healed(self, timeout_s: float) -> None:
        """Until the file is gone and the service is up and healthy."""
        super().wait_healed(timeout_s)
        wait_until(lambda: not self._is_there(), timeout_s=timeout_s, what=f"{self.volume} has no {FILE}")

    def _is_there(self) -> bool:
        for container, path in self._mounts():
            return execute(container, ["test", "-e", f"{path}/{FILE}"], TIMEOUT_S, user="root").exit_code == 0
        return False  # nobody mounts it any more: it was replaced, or the stack is gone

    def _mounts(self) -> Iterator[tuple[Container, str]]:
        """The running containers that mount the volume, and where; the service itself is the last."""
        found = [(item, volumes(item)) for item in self.stack.containers()]
        for container, where in sorted(
            found, key=lambda item: self.stack.service_of(item[0]) == self.service
        ):
            if self.volume in where and not is_down(container):
                require_own(self.stack, container)
                yield container, where[self.volume]
