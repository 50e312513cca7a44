"""``dr stack``: start, look at and remove a stack outside pytest, to try a runbook or to write a drill."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.options import Timeline

if TYPE_CHECKING:
    from stack.stack import Stack

app = typer.Typer(
    no_args_is_help=True, help="Start, look at and remove a stack of your own, outside a drill."
)

ROOT = Path("reports/out")
_PIPED_COLUMNS = 200  # a line a service, for grep
Which = Annotated[
    str, typer.Argument(help="The stack's id, or the folder of its run; the newest when left out.")
]
Named = Annotated[str, typer.Option("--stack", help="The stack's id, or the folder of its run.")]
SiteName = Annotated[
    Literal["a", "b"], typer.Option("--site", help="Which of the stack's two sites.", show_default=True)
]


def find(which: str) -> Stack:
    """The stack of that id, of the run in that folder, or the newest one, which is up.

    :raises UserError: when there is none.
    """
    from stack.stack import find_stack

    return find_stack(which, ROOT)


@app.command()
def up(
    standby: Annotated[
        bool, typer.Option("--standby", help="The second site too, in standby: its vault.")
    ] = False,
) -> None:
    """Start a stack and leave it running; `dr stack down` removes it.

    \b
    Examples:
      dr stack up && dr runbook run dashboard-down
      dr stack up --standby
    """
    from rich.console import Console

    from chaos.reaper import sweep
    from chaos.runs import KEPT
    from reports.folder import create, new_drill_id
    from stack.stack import Stack

    console = Console()
    drill_id = new_drill_id()
    with create(ROOT, drill_id) as folder:
        stack = Stack(drill_id, folder.path)
        with console.status(f"starting the stack {stack.drill_id}"):
            try:
                if standby:
                    stack.up_standby()
                stack.up()
            except BaseException:
                stack.save_logs(folder.path)
                sweep(stack.docker, stack.drill_id)
                raise
        (folder.path / KEPT).touch()
    console.print(f"{stack.drill_id} is up; the dashboard answers at {stack.url('edge', 80)}")


@app.command()
def status(which: Which = "latest") -> None:
    """Show every service of a stack, of both sites: its container, its state, and where it is published.

    The container's name is what `docker logs`, `docker restart` and `docker exec` want.
    """
    from rich.console import Console
    from rich.table import Column, Table

    stack = find(which)
    # A name that is cut off is of no use: on a narrow terminal it is folded.
    name = Column("container", overflow="fold")
    table = Table("service", name, "state", "health", "published at", title=stack.drill_id)
    for site in (stack, stack.standby):
        for container in sorted(site.containers(), key=site.service_of):
            health = (container.attrs["State"].get("Health") or {}).get("Status", "-")
            ports = ", ".join(
                f"{inner} → {bound[0]['HostIp']}:{bound[0]['HostPort']}"
                for inner, bound in container.ports.items()
                if bound
            )
            table.add_row(site.service_of(container), container.name, container.status, health, ports)
        table.add_section()
    console = Console()
    if not console.is_terminal:
        console.width = _PIPED_COLUMNS
    console.print(table)


@app.command()
def restore(
    which: Named = "latest",
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="latest, or a moment as 2026-11-24T11:59:30+00:00.")
    ] = "latest",
    site: SiteName = "a",
    without_vault: Annotated[
        bool,
        typer.Option(
            "--without-vault",
            help="From this site's own backups: for when the other site does not answer. "
            "What is not archived yet is given up.",
        ),
    ] = False,
    timeline: Timeline = None,
) -> None:
    """Restore a stack's database into a fresh volume, rolled forward to a moment or to the last one.

    A damaged volume is kept; `dr stack down` removes it with the stack. Where no backup leads so far, what was there
    before is put back. With --site b, the database is restored there, from the vault beside it: the second step after
    the loss of site a.

    Example: dr stack restore --to 2026-11-24T11:59:30+00:00
    """
    from plan.errors import UserError
    from recovery.restore import restore as carry_out
    from stack.compose import ComposeError

    try:
        kept = carry_out(_site(which, site), to, _timed(), without_vault=without_vault, timeline=timeline)
    except ComposeError as error:
        raise UserError(
            f"the database was not restored: {error}",
            "`dr backup verify` says what is wrong with each backup; what was there before is kept; "
            "where the other site does not answer: --without-vault",
        ) from error
    typer.echo(f"restored; kept: {', '.join(kept)}" if kept else "restored")


@app.command(name="restore-cache")
def restore_cache(
    which: Named = "latest",
    site: SiteName = "a",
) -> None:
    """Restore what a stack's Redis had when it was backed up; what it has had since is given up.

    Example: dr stack restore-cache
    """
    from recovery.restore_cache import restore_cache as carry_out

    carry_out(_site(which, site), _timed())
    typer.echo("restored")


@app.command()
def standby(
    which: Named = "latest",
    site: SiteName = "b",
) -> None:
    """Make a site that serves no longer the standby: its vault runs on, the rest and its data are removed.

    Example: dr stack standby --site b
    """
    from recovery.standby import stand_by

    stand_by(_site(which, site), typer.echo)


@app.command("clear")
def clear_site(
    which: Named = "latest",
    site: SiteName = "b",
) -> None:
    """Remove what a site that does not serve has left, but for its vault: its database and archive, its backups.

    An attempt to serve from there that was given up leaves a history that no restore may follow.

    Example: dr stack clear --site a
    """
    from recovery.standby import give_up

    give_up(_site(which, site), typer.echo)


@app.command("handed-over")
def handed_over(
    which: Named = "latest",
    site: SiteName = "b",
) -> None:
    """Say whether a site whose database was stopped has handed all of its log over to its vault.

    Exit status 2 when it has not: another site that took over now would lack what it wrote last.

    Example: dr stack handed-over --site b
    """
    from recovery.handed_over import check_handed_over

    typer.echo(check_handed_over(_site(which, site)))


def _timed() -> Callable[[str], None]:
    """Says each line with the seconds since now before it: what a recovery spends its time on."""
    began = time.monotonic()
    return lambda text: typer.echo(f"{time.monotonic() - began:6.1f} s  {text}")


def _site(which: str, site: str) -> Stack:
    stack = find(which)
    return stack if stack.site == site else stack.standby


@app.command()
def down(which: Which = "latest") -> None:
    """Remove a stack: its containers, networks and volumes, and nothing else."""
    from chaos.reaper import sweep
    from chaos.runs import KEPT
    from stack.stack import Stack, run_folder

    # One that is named may be half gone already.
    stack = find(which) if which == "latest" else Stack.attach(run_folder(which, ROOT))
    swept = sweep(stack.docker, stack.drill_id)
    (stack.run_dir / KEPT).unlink(missing_ok=True)
    typer.echo(f"{stack.drill_id}: {swept}")
