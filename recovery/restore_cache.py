"""The cache restored from its newest good RDB: DRP, Backup Strategy 2, the other way round.

Nobody has to: what the dashboard keeps there can be rebuilt, and is when it is asked for. It is for what else is kept
in Redis, and for a database that could not bear the load of an empty cache.
"""

from __future__ import annotations

from collections.abc import Callable

from recovery.volumes import volume_at
from stack.stack import Stack

DATA = "/data"


def restore_cache(stack: Stack, say: Callable[[str], None]) -> None:
    """Put the newest good RDB in the place of what Redis has; Redis is up again afterwards, whatever happens.

    :param say: told, in a few words, what is being done.
    :raises plan.errors.UserError: when it keeps its data on no volume.
    :raises stack.compose.ComposeError: when a command fails, with its words; as when no RDB is good.
    """
    stack.compose("up", "--no-start", "--no-deps", "--no-build", "redis")  # where it is gone altogether
    volume = volume_at(stack.container("redis"), DATA)
    user = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "redis", "id", "-u").split()[-1]
    say("stopping Redis: what it writes then is replaced")
    try:
        stack.compose("stop", "--timeout", "10", "redis")
        said = stack.compose(
            "run", "--rm", "--no-deps", "--no-TTY", "--user", "root", "--volume", f"{volume}:/restore", "backup",
            "sh", "-c", f"drbackup redis-restore --into /restore --owner {user} 2>&1",
        )  # fmt: skip
        for line in said.splitlines():
            say(line)
    finally:
        say("starting Redis: it loads its data")
        stack.compose("up", "--detach", "--wait", "--no-deps", "--no-build", "redis")
