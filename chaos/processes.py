"""SIGKILL for the main process of a container, behind the engine's back: to Docker it is a crash."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from docker.models.containers import Container

from plan.errors import UserError
from stack.stack import Stack

# PID 1 when Docker, or the image, puts an init before the service: not what is to be killed.
INITS = ("docker-init", "tini", "dumb-init")

# The main process is the init's oldest child: the init adopts orphans too, but they come later.
_CHILD_OF_INIT = f"""
read -r init < /proc/1/comm
case $init in {"|".join(INITS)}) ;; *) echo "PID 1 is $init itself"; exit 3 ;; esac
main=
for folder in /proc/[0-9]*; do
  pid=${{folder#/proc/}}
  while read -r key value; do
    [ "$key" = PPid: ] || continue
    if [ "$value" = 1 ] && {{ [ -z "$main" ] || [ "$pid" -lt "$main" ]; }}; then main=$pid; fi
    break
  done 2>/dev/null < "$folder/status"
done
echo "$main"
"""


def kill_main_process(stack: Stack, service: str, container: Container) -> None:
    """Kill the process that ``container`` exists for.

    From inside, where an init is PID 1 and the image has a shell; else on the host, since the kernel shields
    PID 1 from signals of its own namespace.

    :raises UserError: when neither way is open.
    """
    found = stack.exec(service, ["sh", "-c", _CHILD_OF_INIT], timeout_s=5, user="root")
    inside = found.output.strip()
    if found.exit_code == 0 and inside.isdecimal():
        # Not waited for: it dies with the container, and has no answer to give then.
        container.exec_run(["sh", "-c", f"kill -9 {inside}"], user="root", detach=True)
        return
    try:
        _kill_on_host(container)
    except OSError as error:
        raise UserError(
            f"the process of {service} cannot be killed: inside: {inside or 'no answer'}; "
            f"on this host: {error.strerror or error}",
            "set `init: true` for the service, or run the drill as root on the engine's own machine",
        ) from error


def _kill_on_host(container: Container) -> None:
    pid = int(container.attrs["State"]["Pid"])
    if _comm(pid) in INITS:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        if not children:
            raise ProcessLookupError(f"the init {pid} has no child")
        pid = min(int(child) for child in children)
    # The handle is of one process for good: were the number recycled after the check, the signal would miss.
    process = os.pidfd_open(pid)
    try:
        if str(container.id) not in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii"):
            raise ProcessLookupError(f"process {pid} is not of {container.name}: the engine is elsewhere")
        signal.pidfd_send_signal(process, signal.SIGKILL)
    finally:
        os.close(process)


def _comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
