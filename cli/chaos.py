"""``dr chaos``: undo faults, see what is active, break something by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.stack import ROOT

app = typer.Typer(no_args_is_help=True, help="Faults: undo what is active, list them, inject one by hand.")

Root = Annotated[Path, typer.Option("--runs", help="The folder of the run folders.")]


@app.command()
def halt(
    stack: Annotated[
        str | None, typer.Option("--stack", help="Only this stack: its id, or its run's folder.")
    ] = None,
    runs: Root = ROOT,
) -> None:
    """Undo every fault that is still active, whoever injected it, and say which.

    Works from the journals alone, whether the run that injected them lives or not. Exit status 1 when one is
    left.
    """
    from chaos.healing import heal_run

    healed, problems = 0, 0
    for run_dir in _runs(runs, stack):
        outcome = heal_run(run_dir)
        for line in outcome.healed:
            typer.echo(f"{run_dir.name}: healed: {line}")
        for line in outcome.problems:
            typer.echo(f"{run_dir.name}: {line}", err=True)
        healed, problems = healed + len(outcome.healed), problems + len(outcome.problems)
    if not healed and not problems:
        typer.echo("no fault is active")
    raise typer.Exit(1 if problems else 0)


@app.command("list")
def list_faults(runs: Root = ROOT) -> None:
    """List the faults that can be injected, with their settings, and those that are active."""
    from rich.console import Console
    from rich.table import Table

    from chaos.journal import Journal
    from chaos.registry import catalogue

    table = Table("Fault", "What it does", "Settings")
    for name, fault in catalogue().items():
        table.add_row(
            name, (fault.__doc__ or "").partition("\n")[0].replace("``", ""), ", ".join(fault.settings())
        )
    console = Console()
    console.print(table)
    active = [(run_dir.name, entry) for run_dir in _runs(runs, None) for entry in Journal(run_dir).unhealed()]
    for run, entry in active:
        console.print(f"active in {run}: {entry.description}", markup=False)
    if not active:
        console.print("no fault is active")


@app.command()
def inject(
    name: Annotated[str, typer.Argument(help="The fault; `dr chaos list` shows them.")],
    stack: Annotated[str, typer.Option("--stack", help="The stack: its id, or its run's folder.")],
    service: Annotated[str | None, typer.Option("--service", help="The Compose service to hit.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as latency_ms=300; may be repeated.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for it to take effect.")] = 20.0,
    plan: Annotated[Path, typer.Option("--plan", help="The plan, which names the Docker contexts.")] = Path(
        "drp.toml"
    ),
    runs: Root = ROOT,
) -> None:
    """Break something in a stack that is up, and undo it on Enter or Ctrl-C.

    Example: dr stack up, then dr chaos inject kill-container --stack latest --service dashboard
    """
    from chaos.injector import Injector
    from chaos.registry import build
    from chaos.runs import in_use
    from chaos.watchdog import Watchdog
    from plan.errors import UserError
    from plan.load import load_plan
    from stack.stack import find_stack

    chosen = {"service": service} if service else {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting} is no setting", "write it as name=value")
        chosen[key] = value
    target = find_stack(stack, runs)
    fault = build(target, name, chosen)
    contexts = load_plan(plan).drill.docker_contexts
    with (
        in_use(target.run_dir),
        Watchdog(target.run_dir) as watchdog,
        Injector(target, contexts, watchdog) as injector,
    ):
        injector.inject(fault, timeout)
        typer.echo(f"{fault.describe()}\nIn effect. Enter or Ctrl-C undoes it.")
        _await_enter()
        typer.echo("undoing it")
    typer.echo("healed")


def _await_enter() -> None:
    try:
        input()
    except (KeyboardInterrupt, EOFError):
        return


def _runs(runs: Path, stack: str | None) -> list[Path]:
    from chaos.journal import FILE
    from plan.errors import UserError
    from stack.stack import run_folder

    if stack is not None:
        run_dir = run_folder(stack, runs)
        if not run_dir.is_dir():
            raise UserError(f"there is no run {stack}", f"name one of the folders in {runs}")
        return [run_dir]
    folders = [journal.parent for journal in sorted(runs.glob(f"*/{FILE}"))]
    return [folder for folder in folders if not folder.is_symlink()]
