"""``dr runbook``: the DRP's recovery procedures, to be read, and to be carried out on a stack that is up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Which
from cli.plan import PlanFile

if TYPE_CHECKING:
    from rich.console import Console

    from recovery.model import BoxResult, RunbookResult, StepResult
    from recovery.runbook import Runbook

app = typer.Typer(
    no_args_is_help=True,
    help="Read a recovery procedure of the plan, or carry it out.",
)
Name = Annotated[str, typer.Argument(help="The runbook, as dashboard-down: a scenario's key in the plan.")]

_GLYPHS = {"ok": "[green]✔[/]", "failed": "[red]✘[/]", "skipped": "[yellow]–[/]", "not reached": "[dim]·[/]"}
_SHOWN_LINES = 6


@app.command()
def show(name: Name, plan: PlanFile = Path("drp.toml")) -> None:
    """Show what a runbook does, rung by rung, without doing it.

    A rung is only climbed when the validation under it did not hold.

    Example: dr runbook show redis-down
    """
    from rich.console import Console

    from plan.load import load_plan
    from recovery.catalog import find_runbook

    _print_runbook(Console(highlight=False), find_runbook(name, load_plan(plan)))


@app.command()
def run(name: Name, stack: Which = "latest", plan: PlanFile = Path("drp.toml")) -> None:
    """Carry a runbook out on a stack that is up. Exit status: 0 recovered, 1 not recovered.

    Each step is printed as it is done, with its command, its time and the end of what it printed.

    \b
    Example, on a stack of your own:
      dr stack up
      dr runbook run dashboard-down
    """
    import time

    from rich.console import Console

    from chaos.runs import in_use
    from cli.stack import find
    from plan.load import load_plan
    from recovery.catalog import find_runbook
    from recovery.client import Client
    from recovery.live import live_validation
    from recovery.operator import Operator

    console = Console(highlight=False)
    promised = load_plan(plan)
    runbook = find_runbook(name, promised)
    timeout_s = promised.drill.request_timeout.total_seconds()
    target = find(stack).standby if runbook.elsewhere else find(stack)
    boxes = runbook.validates or name
    console.print(f"[bold]{runbook.section}[/]  ({name}, on {target.drill_id})")
    with in_use(target.run_dir), Client(target, timeout_s) as client, console.status("") as status:
        validate = live_validation(boxes, promised, target, client, since=time.monotonic())
        result = runbook.run(
            Operator(target, client),
            validate,
            on_step=lambda step: _print_step(console, step),
            on_begin=lambda doing: status.update(f"{doing} …"),
        )
    left = [box.text for box in promised.scenarios[boxes].boxes if box.id not in _ids(result.boxes)]
    _print_result(console, result, left)
    raise typer.Exit(0 if result.recovered else 1)


def _ids(boxes: list[BoxResult]) -> set[str]:
    return {box.box for box in boxes}


def _print_runbook(console: Console, runbook: Runbook) -> None:
    from rich.markup import escape

    from recovery.wording import on_paper

    console.print(f"[bold]{runbook.section}[/]  ({runbook.name})")
    for rung in runbook.rungs:
        condition = f": {rung.when.text}" if rung.when else ""
        console.print(f"\n[bold]{rung.name}[/]{condition}")
        for step in rung.steps:
            condition = f" ({step.when.text})" if step.when else ""
            console.print(f"  {step.section}: {escape(step.title)}{condition}")
            console.print(f"    $ {escape(on_paper(step.command))}", soft_wrap=True)
            limit = f", tried for {step.patience_s:g} s" if step.patience_s else ""
            _print_indented(console, f"expected: {step.expected} (within {step.timeout_s:g} s{limit})")
            if step.note:
                _print_indented(console, f"note: {step.note}")
        if rung in runbook.ladder:
            console.print(f"  then the validation, for up to {runbook.validation_timeout_s:g} s")


def _print_indented(console: Console, text: str) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    console.print(Padding(escape(text), (0, 0, 0, 4), expand=False))


def _print_step(console: Console, step: StepResult) -> None:
    from rich.markup import escape

    took = "" if step.duration_s is None else f"  {step.duration_s:.1f} s"
    console.print(
        f"{_GLYPHS[step.status]} {step.rung}: {escape(step.title)}  [dim]{step.section}[/]"
        f"  {step.status}{took}"
    )
    console.print(f"    $ {escape(step.command)}", soft_wrap=True)
    for line in step.output.strip().splitlines()[-_SHOWN_LINES:]:
        console.print(f"    [dim]{escape(line)}[/]", soft_wrap=True)
    if step.note:
        _print_indented(console, f"note: {step.note}")


def _print_result(console: Console, result: RunbookResult, left: list[str]) -> None:
    from rich.markup import escape

    console.print("\n[bold]validation[/]")
    for box in result.boxes:
        glyph = {True: "[green]✔[/]", False: "[red]✘[/]", None: "[yellow]?[/]"}[box.holds]
        console.print(f"{glyph} {escape(box.text)}: {escape(box.evidence)}")
    for text in left:
        console.print(f"[dim]· {escape(text)}: only a drill can tell[/]")
    took = f"{result.finished - result.started:.1f} s"
    if result.recovered:
        console.print(f"\n[green]recovered[/] by {result.rung} in {took}")
    else:
        console.print(f"\n[red]not recovered[/] after {took}")
