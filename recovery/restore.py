"""The database restored into a fresh volume, rolled forward to a moment or to the last one.

::

    stop the server ──▶ keep the damaged volume ──▶ a fresh one ──▶ base backup and WAL, from the vault ──▶ start

In a site that has no database yet, as after a disaster, the first two have nothing to do. Where the vault is in the
site, it is read where it lies; from the other site it is fetched; where there is none, the site's own backups must do.

DRP, Scenario 2, step 7, and Scenario 5, step 2. The plan's letter, ``psql -f /backups/restore.sql`` into the damaged
database, would lose everything since the night and write over what is left; a base backup rolled forward by its WAL
loses what had not left the site (PostgreSQL manual, "Continuous Archiving and Point-in-Time Recovery").
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import LiteralString, cast

import docker.errors
import psycopg
from docker.models.containers import Container

from plan.errors import UserError
from recovery.answers import answer_of
from recovery.database import ask_database
from recovery.volumes import volume_at
from stack.compose import ComposeError
from stack.lock import held
from stack.stack import SITE_LABEL, Stack
from stack.wait import NotReached, wait_until

DATA = "/var/lib/postgresql/data"
VAULT = "/vault"
# Generations of the database's volume: what server and holder are made on, as Compose has it; the last that was not
# given up half-way; the last that was begun.
GENERATION = "DRILL_POSTGRES_GENERATION"
SERVED = "DRILL_POSTGRES_SERVED"
NEWEST = "DRILL_POSTGRES_NEWEST"
KEEPS_LABEL = "dr.keeps"
LATEST = "latest"
# Where the timeline that it recovered onto left its parent: the end of what it has replayed.
_HISTORY: LiteralString = (
    "SELECT pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history')"
)
_REPLAYED = "replayed"
# Far beyond any RTO: what takes longer than that has failed it, and is of use all the same.
LAY_OUT_TIMEOUT_S = 6 * 3600.0
REPLAY_TIMEOUT_S = 6 * 3600.0
TIMEOUT_S = LAY_OUT_TIMEOUT_S + REPLAY_TIMEOUT_S
HEALTH_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60  # a server that is stopped in order hands its log over
DYING_S = 3  # one that was just killed may not be quite gone
DEATHS = 3  # of a server that is started again each time: what it cannot replay now, it never can


def restore(
    stack: Stack,
    to: str,
    say: Callable[[str], None],
    *,
    without_vault: bool = False,
    timeline: int | None = None,
) -> list[str]:
    """Put a restored database in the place of the damaged one, which is kept, or where there is none yet.

    Where nothing can be laid out, as when no backup leads so far, what was there before is put back.

    :param to: ``latest``, or a moment with its UTC offset.
    :param say: told, in a few words, what is being done.
    :param without_vault: with this site's own backups alone: what is not archived yet is given up.
    :param timeline: on the history of that one, which a recovery has undone; None: on the newest.
    :returns: the names of the volumes that are kept, the oldest first; none where there was no database.
    :raises UserError: when ``to`` is no such moment, or the database keeps its data on no volume; nothing is done then.
        When there is no room, or no engine, or another restore of this stack is at work.
    :raises stack.compose.ComposeError: when a command fails, with its words, or the log is not replayed in time.
    """
    _check_moment(to)
    with _alone(stack):
        least_end = _replace(stack, to, say, without_vault, timeline)
        _check_end(stack, least_end)
        return [str(keeper.labels[KEEPS_LABEL]) for keeper in _keepers(stack)]


@contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """Hold the stack for one restore: two at once would each take the other's volume for its own.

    :raises UserError: when another one holds it.
    """
    with ExitStack() as locks:
        try:
            locks.enter_context(held(stack.run_dir, DYING_S, "nobody else restores"))
        except NotReached:
            raise UserError(
                f"another restore of the stack in {stack.run_dir} is at work: nothing was done",
                "wait for it, or end it first",
            ) from None
        yield


def _replace(
    stack: Stack, to: str, say: Callable[[str], None], without_vault: bool, timeline: int | None
) -> str | None:
    """The damaged server's volume by a fresh one, from which the server has recovered.

    :returns: the position that it must at least have come to; None where it was to stop before the end.
    """
    server = _find(stack, "postgres")
    if server is not None:
        _retire(stack, server, say)
    try:
        least_end = _lay_out(stack, _target(to, timeline), say, without_vault)
    except (ComposeError, UserError):
        if server is not None:
            say("nothing could be laid out: what was there before is put back")
            _put_back(stack)
        raise
    # From here on it is what there is: were this killed, nobody may go back to the damaged one.
    stack.set_variable(SERVED, stack.variables[GENERATION])
    say("starting the server: it replays the log")
    stack.compose("up", "--detach", "--no-deps", "--no-build", "postgres")
    _await_end_of_recovery(stack)
    return least_end


def _await_end_of_recovery(stack: Stack) -> None:
    """Wait until the log is replayed: before, the server takes no connections, and then no writes.

    Its health says nothing meanwhile: it counts as unhealthy for as long as it takes no connections.
    """

    def fate() -> str:
        try:
            server = stack.container("postgres")
        except LookupError as error:
            return str(error)
        if server.status == "exited" or int(server.attrs["RestartCount"]) >= DEATHS:
            return f"the server does not start on what was laid out: {_last_words(server)}"
        try:
            return _REPLAYED if ask_database(stack, "SELECT NOT pg_is_in_recovery()")[0] else ""
        except psycopg.OperationalError as error:
            if "authentication failed" not in str(error):
                raise
            return f"the server is up, and lets nobody ask whether it has recovered: {error}"

    try:
        came = wait_until(fate, timeout_s=REPLAY_TIMEOUT_S, what="the log is replayed", every_s=0.1)
    except NotReached as error:
        raise ComposeError(f"the recovery of what was laid out has not ended: {error}") from error
    if came != _REPLAYED:
        raise ComposeError(came)
    # Who is started after it waits for its health, and gives up where it is still what it was during the replay.
    with suppress(NotReached):
        wait_until(
            lambda: stack.container("postgres").health == "healthy",
            timeout_s=HEALTH_TIMEOUT_S,
            what="it is healthy",
        )


def _last_words(server: Container) -> str:
    lines = server.logs(tail=5).decode("utf-8", "replace").split("\n")
    return " | ".join(line.strip() for line in lines if line.strip()) or "it said nothing"


def _check_end(stack: Stack, least_end: str | None) -> None:
    """That all of the log was replayed: damage within it looks to a recovery as if the log ended there.

    :param least_end: the position that it must at least have come to; None where it was to stop before.
    :raises ComposeError: when it has not.
    """
    [history] = ask_database(stack, _HISTORY)
    ended = str(history).strip().splitlines()[-1].split()[1]
    if least_end is not None and _position(ended) < _position(least_end):
        raise ComposeError(
            f"the server is up, and lacks the end of the log: its recovery ended at {ended}, and the log goes on to "
            f"{least_end} at least: it is damaged there"
        )


def _position(lsn: str) -> int:
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def _check_moment(to: str) -> None:
    try:
        if to == LATEST or datetime.fromisoformat(to).tzinfo is not None:
            return
    except ValueError:
        pass
    raise UserError(
        f"--to {to}: neither {LATEST} nor a moment with its UTC offset",
        "write it as 2026-11-24T11:59:30+00:00",
    )


def _target(to: str, timeline: int | None) -> str:
    """What it is to recover to, as options of drbackup's."""
    return f"--to {shlex.quote(to)}" + ("" if timeline is None else f" --timeline {timeline}")


def _lay_out(stack: Stack, target: str, say: Callable[[str], None], without_vault: bool) -> str | None:
    """A fresh volume, and in it a data directory that recovers to a target.

    :returns: the position that the recovery must at least come to; None where it is to stop at a moment.
    """
    newest = int(stack.variables.get(NEWEST, "0")) + 1
    stack.set_variable(NEWEST, str(newest))
    stack.set_variable(GENERATION, f"-{newest}")
    _remake(stack)
    fresh = volume_at(stack.container("postgres"), DATA)
    options, command = _own(say) if without_vault else _source(stack, target, say)
    say(f"laying {fresh} out")
    said = stack.compose(
        "run", "--rm", "--no-deps", "--no-TTY", "--volume", f"{fresh}:/restore", *options, "backup",
        "sh", "-c", f"{command} --into /restore {target} --json 2>&1",
        timeout_s=LAY_OUT_TIMEOUT_S,
    )  # fmt: skip
    for line in said.splitlines():
        if line.startswith("drbackup: "):
            say(line)
    laid = answer_of(said)
    if laid is None:
        raise ComposeError(f"what was laid out is not known: {said.strip()[-300:]}")
    return cast("str | None", laid["least_end"])


def _put_back(stack: Stack) -> None:
    """The server on the volume that it last served from, which need not be kept any more."""
    fresh = volume_at(stack.container("postgres"), DATA)
    stack.set_variable(GENERATION, stack.variables.get(SERVED, ""))
    _remake(stack)
    stack.compose("up", "--detach", "--no-deps", "--no-build", "postgres")
    back = volume_at(stack.container("postgres"), DATA)
    for keeper in _keepers(stack):
        if keeper.labels[KEEPS_LABEL] == back:
            keeper.remove(force=True)
    if fresh != back:
        stack.docker.volumes.get(fresh).remove()


def _remake(stack: Stack) -> None:
    """Make server and holder anew on the volume of the present generation; the server is not started."""
    # Compose takes no notice of a volume's new name: what mounts it is made anew because we say so.
    stack.compose("up", "--no-start", "--no-deps", "--no-build", "--force-recreate", "postgres", "holder")
    # Whoever mounts a volume of memory keeps it alive: before anything is written into the fresh one.
    stack.container("holder").start()


def _retire(stack: Stack, server: Container, say: Callable[[str], None]) -> None:
    """Stop the damaged server, and see that its volume lives on and is not the next one's."""
    damaged = volume_at(server, DATA)
    say("stopping the server")
    stack.compose("stop", "--timeout", str(STOP_TIMEOUT_S), "postgres")
    keep(stack, server, damaged)
    say(f"the damaged volume {damaged} is kept")


def _source(stack: Stack, target: str, say: Callable[[str], None]) -> tuple[Sequence[str], str]:
    """Options for a container that can read the backups, and the command that lays them out, but for the target."""
    vault = _find(stack, "vault")
    if vault is not None:
        say("reading the backups in this site's vault")
        return ("--volume", f"{volume_at(vault, VAULT)}:{VAULT}:ro"), f"drbackup pitr --dir {VAULT}"
    if not stack.variables.get("DRILL_VAULT"):
        return _own(say)
    say("fetching the backups from the other site's vault")
    between = _find(stack, "toxiproxy")
    if between is None or between.status != "running":
        stack.compose("up", "--detach", "--wait", "--no-deps", "--no-build", "toxiproxy")
    source = "/var/tmp/fetched"
    return (), f"drbackup fetch --into {source} {target} 2>&1 && drbackup pitr --dir {source}"


def _own(say: Callable[[str], None]) -> tuple[Sequence[str], str]:
    say("without a vault: reading this site's own backups, and what of the log is archived")
    return (), "drbackup pitr --dir /backups"


def keep(stack: Stack, server: Container, volume: str) -> None:
    """Have a container mount ``volume``: one of memory would be gone with the last that does.

    One that does so already, as from a restore that was killed, is enough.
    """
    for keeper in _keepers(stack):
        if keeper.labels[KEEPS_LABEL] == volume:
            keeper.start()
            return
    stack.docker.containers.run(
        str(server.attrs["Image"]),
        entrypoint=["sleep", "infinity"],
        user="root",
        name=f"{stack.project}-keeps-{stack.variables.get(GENERATION, '').removeprefix('-') or 0}",
        labels={**stack.labels, SITE_LABEL: stack.site, KEEPS_LABEL: volume},
        volumes={volume: {"bind": "/kept", "mode": "ro"}},
        network_mode="none",
        init=True,
        detach=True,
    )


def discard_kept(stack: Stack) -> list[str]:
    """Remove the damaged volumes that were kept: for when the recovery is verified.

    :returns: their names.
    """
    keepers = _keepers(stack)
    for keeper in keepers:
        keeper.remove(force=True)
        with suppress(docker.errors.NotFound):
            stack.docker.volumes.get(keeper.labels[KEEPS_LABEL]).remove()
    return [str(keeper.labels[KEEPS_LABEL]) for keeper in keepers]


def _keepers(stack: Stack) -> list[Container]:
    labels = [f"{name}={value}" for name, value in {**stack.labels, SITE_LABEL: stack.site}.items()]
    found: list[Container] = stack.docker.containers.list(all=True, filters={"label": [*labels, KEEPS_LABEL]})
    return sorted(found, key=lambda keeper: str(keeper.attrs["Created"]))


def _find(stack: Stack, service: str) -> Container | None:
    try:
        return stack.container(service)
    except LookupError:
        return None
