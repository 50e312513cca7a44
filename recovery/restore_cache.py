"""The cache restored from its newest good RDB: DRP, Backup Strategy 2, the other way round.

Nobody has to: what the dashboard keeps there can be rebuilt, and is when it is asked for. It is for what else is kept
in Redis, and for a database that could not bear the load of an empty cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plan.errors import UserError
from recovery.restore import VAULT
from recovery.volumes import volume_at
from stack.compose import ComposeError
from stack.stack import Stack

DATA = "/data"


def restore_cache(stack: Stack, say: Callable[[str], None]) -> None:
    """Put the newest good RDB in the place of what Redis has; where there is none, Redis goes on with what it had.

    :param say: told, in a few words, what is being done.
    :raises UserError: when that is so, when it keeps its data on no volume, or does not start on what was restored.
    :raises stack.compose.ComposeError: when Redis can neither be made nor stopped.
    """
    stack.compose("up", "--no-start", "--no-deps", "--no-build", "redis")  # where it is gone altogether
    volume = volume_at(stack.container("redis"), DATA)
    user = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "redis", "id", "-u").split()[-1]
    options, source = _source(stack)
    say("stopping Redis: what it writes then is replaced")
    stack.compose("stop", "--timeout", "10", "redis")
    try:
        said = stack.compose(
            "run", "--rm", "--no-deps", "--no-TTY", "--user", "root", "--volume", f"{volume}:/restore", *options,
            "backup", "sh", "-c", f"drbackup redis-restore{source} --into /restore --owner {user} 2>&1",
        )  # fmt: skip
    except (ComposeError, UserError) as error:
        _start(stack, say)
        raise UserError(
            f"the cache was not restored: {error}; Redis has what it had before",
            "`dr backup verify` says what is wrong with each backup; a cache can also be rebuilt",
        ) from error
    for line in said.splitlines():
        say(line)
    try:
        _start(stack, say)
    except ComposeError as error:
        raise UserError(
            f"Redis does not start on what was restored: {error}",
            "read its log; without its dump.rdb it starts empty, and the cache is rebuilt",
        ) from error


def _start(stack: Stack, say: Callable[[str], None]) -> None:
    say("starting Redis: it loads its data")
    stack.compose("up", "--detach", "--wait", "--no-deps", "--no-build", "redis")


def _source(stack: Stack) -> tuple[Sequence[str], str]:
    """Options for a container that can read the backups, and the command's: a vault in the site has what it needs."""
    try:
        vault = volume_at(stack.container("vault"), VAULT)
    except LookupError:
        return (), ""
    return ("--volume", f"{vault}:{VAULT}:ro"), f" --dir {VAULT}"
