"""``dr ledger``: what became of the writes that a workload was told had succeeded."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plan.errors import UserError

if TYPE_CHECKING:
    from measure.ledger import LedgerResult

app = typer.Typer(no_args_is_help=True, help="Judge what became of acknowledged writes.")

_MEANINGS = {
    "attempted": "writes that the workload sent",
    "acked": "of these, acknowledged",
    "survived": "acknowledged, and there",
    "lost": "acknowledged, and not there",
    "lost_after_fault": "of these, acknowledged after the fault",
    "recovered": "of unknown fate, and there",
    "unknown": "of unknown fate, and not there",
    "phantom": "there, but failed or never sent",
    "duplicate": "there more than once",
    "corrupt": "there with another value",
}


@app.callback()
def _group() -> None:
    """Keep ``check`` a command of its own, although it is the only one."""


@app.command()
def check(
    history: Annotated[Path, typer.Argument(help="What the workload attempted and was told, as JSON lines.")],
    survivors: Annotated[Path, typer.Argument(help="What is in the database after recovery, as JSON lines.")],
    fault_at: Annotated[
        float,
        typer.Option(metavar="T", help="When the fault took effect, in seconds on the history's clock."),
    ],
    rpo: Annotated[
        str,
        typer.Option(
            metavar="S",
            help="Recovery point objective in seconds, or none: losses are then counted, not judged.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare a history with the survivors. Exit status: 0 pass, 1 fail, 2 invalid or malformed.

    \b
    A history has a line before each write is sent, and one when its fate is known:
      {"n": 17, "id": "01J…", "kind": "invoke", "t": 12.345678, "value": "…"}
      {"n": 17, "id": "01J…", "kind": "ok", "t": 12.349101}
    where kind is ok (acknowledged), fail (certainly not done) or info (unknown).
    The survivors have a line for each row that is there:
      {"id": "01J…", "value": "…"}

    Example: dr ledger check history.jsonl survivors.jsonl --fault-at 812.4 --rpo 60
    """
    from measure.ledger import check as judge
    from measure.verdict import Verdict

    result = judge(history, survivors, fault_at, _seconds(rpo))
    typer.echo(json.dumps(asdict(result)) if as_json else _table(result))
    raise typer.Exit({Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INVALID: 2}[result.verdict])


def _seconds(rpo: str) -> float | None:
    if rpo == "none":
        return None
    try:
        return float(rpo)
    except ValueError as error:
        raise UserError(f"--rpo {rpo} is no number of seconds", "give it as 60, or as none") from error


def _table(result: LedgerResult) -> str:
    lines = [f"{result.verdict}", *(f"  {reason}" for reason in result.reasons)]
    lines += [f"{name:16} {getattr(result, name):>10,}  {meaning}" for name, meaning in _MEANINGS.items()]
    lines.append(
        f"{'rpo_actual':16} {_figure(result.rpo_actual_s):>10}  seconds from the oldest loss to the fault"
    )
    lines.append(f"{'recovery_point':16} {_figure(result.recovery_point_t):>10}  time of the newest survivor")
    return "\n".join(lines)


def _figure(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"
