"""Whether a site that has stopped serving has handed all of its log over to a vault, before another one takes over."""

from __future__ import annotations

from docker.models.containers import Container

from plan.errors import UserError
from recovery.restore import DATA, VAULT
from recovery.volumes import volume_at
from stack.compose import ComposeError
from stack.stack import Stack

_TIMEOUT_S = 120


def check_handed_over(stack: Stack) -> str:
    """Read the last record of ``stack``'s database, which was stopped, in the site's vault, or else in the other one's.

    :returns: which record that is, in words.
    :raises UserError: when it is not there: what the server wrote last would be lost with it.
    """
    data = volume_at(stack.container("postgres"), DATA)
    vault = volume_at(_vault_of(stack), VAULT)
    try:
        said = stack.compose(
            "run", "--rm", "--no-deps", "--no-TTY", "--volume", f"{data}:/data:ro", "--volume", f"{vault}:{VAULT}:ro",
            "backup", "sh", "-c", f"drbackup handed-over --data /data --log {VAULT}/wal 2>&1",
            timeout_s=_TIMEOUT_S,
        )  # fmt: skip
    except ComposeError as error:
        raise UserError(
            f"site {stack.site} has not handed its log over: {error}",
            "let it serve on: `docker start` its database, and look why its vault does not receive",
        ) from error
    return said.strip().removeprefix("drbackup: ")


def _vault_of(stack: Stack) -> Container:
    for site in (stack, stack.standby):
        try:
            return site.container("vault")
        except LookupError:
            continue
    raise UserError("neither site has a vault", "start both with `dr stack up --standby`")
