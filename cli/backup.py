"""``dr backup``: make, list, verify and restore backups, on a stack that is up or in a folder of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Timeline, Which
from plan.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from stack.stack import Stack

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list, verify and restore backups of a stack that is up.\n\n"
    "Exit status: 0 all is well, 1 something was found bad, 2 it could not be done.",
)


class Kind(StrEnum):
    """What can be backed up alone."""

    NIGHTLY = "nightly"
    DUMP = "dump"
    BASE = "base"
    REDIS = "redis"
    CONFIG = "config"
    OFFSITE = "offsite"


class Depth(StrEnum):
    """How deep verification looks; each includes those before it."""

    PRESENT = "present"
    CHECKSUM = "checksum"
    CONTENTS = "contents"
    WAL = "wal"
    RESTORE = "restore"


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="A folder of backups on this machine, in place of a stack's."),
]


@app.command()
def run(
    kind: Annotated[
        Kind, typer.Argument(help="nightly: all of them, off-site copy and retention.")
    ] = Kind.NIGHTLY,
    stack: Which = "latest",
    as_json: AsJson = False,
) -> None:
    """Make a backup now, as cron does every night.

    With --json: all backups that are there then, as `dr backup list --json` has them.

    Example: dr backup run, or dr backup run dump
    """
    done = _stream(_in_stack(stack, [kind.value]), kind.value, quiet=as_json)
    if as_json:
        typer.echo(_run(_in_stack(stack, ["list", "--json"])).output, nl=False)
    _end(done)


@app.command("list")
def list_backups(stack: Which = "latest", folder: Folder = None, as_json: AsJson = False) -> None:
    """List the backups that are there, with their age and size, and what has no manifest and so is none."""
    _end(_passed(_somewhere(stack, folder, ["list"]), as_json))


@app.command()
def verify(
    depth: Annotated[Depth, typer.Option("--depth", help="How deep to look.")] = Depth.WAL,
    stack: Which = "latest",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say of each backup whether it is OK, or the first fault that is found. Exit status 1 when one has a fault.

    \b
    From cheap to certain, each depth with those before it:
      present   there, fresh, of the usual size, of the right database
      checksum  SHA-256 against the manifest, gzip, ends as a dump ends
      contents  every table of the manifest, rows counted; base, cache and
                configuration looked through
      wal       no gap in the WAL from each base backup to the newest segment
      restore   the newest dump and the newest base restored into a server of
                its own, and compared

    Example: dr backup verify --depth restore
    """
    from rich.console import Console

    command = _somewhere(stack, folder, ["verify", "--depth", depth.value, "--json"])
    done = _stream(command, "verify", quiet=as_json)
    if done.status == _CANNOT:
        _end(done)
    told = _told(done, "verification")
    if as_json:
        typer.echo(done.output, nl=False)
    else:
        _print_findings(Console(highlight=False), told)
    _end(done)


@app.command("test")
def restore_test(stack: Which = "latest", folder: Folder = None, as_json: AsJson = False) -> None:
    """Restore the newest dump into a server of its own and compare it with what was dumped (DRP, Test 1)."""
    _end(_passed(_somewhere(stack, folder, ["restore-test"]), as_json))


@app.command()
def restore(
    dump: Annotated[str, typer.Argument(help="The dump's name, as `dr backup list` shows it; or latest.")],
    into: Annotated[str, typer.Option("--into", metavar="DATABASE", help="Made when it is not there.")],
    stack: Which = "latest",
    as_json: AsJson = False,
) -> None:
    """Restore a dump into a database of the stack's server: all of it, or nothing when anything is wrong.

    Never over data: the database must not be there, or be empty.

    Example: dr backup restore latest --into minimarket_restored
    """
    from cli.stack import find

    target = find(stack)
    path = _dump_path(target, dump)
    _end(_passed(_execute(target, ["restore", "--dump", path, "--into", into]), as_json))


@app.command()
def pitr(
    into: Annotated[
        str, typer.Option("--into", metavar="DIR", help="The data directory, in the backup container; empty.")
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="latest, or a moment with its UTC offset.")
    ] = "latest",
    timeline: Timeline = None,
    stack: Which = "latest",
    as_json: AsJson = False,
) -> None:
    """Lay out a data directory that recovers to a moment, or to the last one, when a server is started on it.

    The newest base backup from before the moment, and the WAL after it. Nothing is started, and nothing that is
    there is touched: DIR must be empty.

    Example: dr backup pitr --into /var/tmp/recovered --to 2026-11-24T11:59:30+00:00
    """
    on = [] if timeline is None else ["--timeline", str(timeline)]
    _end(_passed(_in_stack(stack, ["pitr", "--into", into, "--to", to, *on]), as_json))


_CANNOT = 2
_GLYPHS = {True: "[green]✔[/]", False: "[red]✘[/]"}


class _Done:
    """How a command ended, what it printed on standard output, and the last line that it said beside it."""

    def __init__(self, status: int, output: str, last: str) -> None:
        self.status = status
        self.output = output
        self.last = last


class _Command:
    """A command line, and what its environment has beside this process's own."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.argv = list(argv)
        self.environment = dict(environment or {})


def _execute(stack: Stack, arguments: Sequence[str]) -> _Command:
    """``drbackup`` in the stack's backup container.

    :raises UserError: when there is none that runs.
    """
    try:
        container = stack.container("backup")
    except LookupError as error:
        raise UserError(str(error), "start a stack with `dr stack up`") from error
    if container.status != "running":
        raise UserError(
            f"the backup container of {stack.drill_id} is {container.status}",
            f"start it: docker start {container.name}",
        )
    return _Command(["docker", "exec", str(container.name), "drbackup", *arguments])


def _in_stack(which: str, arguments: Sequence[str]) -> _Command:
    from cli.stack import find

    return _execute(find(which), arguments)


def _somewhere(which: str, folder: Path | None, arguments: Sequence[str]) -> _Command:
    """In a stack's backup container, or on a folder of this machine.

    :raises UserError: when the folder is not there.
    """
    if folder is None:
        return _in_stack(which, arguments)
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder that is there", "name the folder that postgresql/ and base/ lie in"
        )
    package = Path(__file__).resolve().parent.parent / "stack" / "backup"
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return _Command(
        [sys.executable, "-m", "drbackup", *arguments, "--dir", str(folder.resolve())],
        {"PYTHONPATH": os.pathsep.join(paths)},
    )


def _dump_path(stack: Stack, name: str) -> str:
    """Where a dump lies in the backup container.

    :raises UserError: when it is not there, or the stack's backups cannot be listed.
    """
    told = _told(_run(_execute(stack, ["list", "--json"])), "the list of backups")
    dumps = [each for each in told["backups"] if each["kind"] == "dump" and each["manifest"]]
    found = dumps[-1:] if name == "latest" else [each for each in dumps if Path(each["path"]).name == name]
    if not found:
        raise UserError(
            f"there is no dump {name}", f"`dr backup list --stack {stack.run_dir}` shows which there are"
        )
    return str(found[0]["path"])


def _told(done: _Done, what: str) -> dict[str, Any]:
    """The JSON object that a command printed which has ended by itself, well or not.

    :raises UserError: when it has not, as when it was killed, or docker could not run it.
    """
    if done.status in (0, 1):
        with suppress(ValueError):
            told = json.loads(done.output)
            if isinstance(told, dict):
                return told
    raise UserError(
        f"{what} did not end by itself: exit status {done.status}: {done.last or 'it said nothing'}",
        "137: it was killed, as by the kernel for want of memory; else see what docker says of the backup container",
    )


def _run(command: _Command) -> _Done:
    done = subprocess.run(
        command.argv,
        env={**os.environ, **command.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.strip().splitlines()
    return _Done(done.returncode, done.stdout, said[-1] if said else "")


def _passed(command: _Command, as_json: bool) -> _Done:
    """Run a command and show what it prints as it is, its progress unless JSON is wanted."""
    if as_json:
        command.argv.append("--json")
        done = _stream(command, "", quiet=True)
    else:
        done = _stream(command, "")
    typer.echo(done.output, nl=False)
    return done


def _stream(command: _Command, doing: str, *, quiet: bool = False) -> _Done:
    """Run a command; show its progress, a line at a time, while it runs, and a bar where it counts.

    What it says last is its reason when it fails, and is shown in any case then.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    last = ""
    with (
        subprocess.Popen(
            command.argv,
            env={**os.environ, **command.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet) as progress,
        _Reader(process.stdout) as output,
    ):
        bar = progress.add_task(doing or "working", total=None)
        for line in process.stderr or ():
            last = line.strip().removeprefix("drbackup: ")
            counted, _, rest = last.partition(" ")
            number, _, total = counted.partition("/")
            if number.isdecimal() and total.isdecimal():
                progress.update(bar, completed=int(number), total=int(total), description=rest)
            else:
                progress.update(bar, description=last)
                if not quiet:
                    progress.console.print(last, markup=False, soft_wrap=True)
        status = process.wait()
    if status and quiet:
        console.print(last, markup=False, soft_wrap=True)
    return _Done(status, output.text, last)


class _Reader:
    """Reads a pipe to its end beside the caller: neither pipe of a process may fill while the other is read."""

    def __init__(self, pipe: Any) -> None:
        import threading

        self.text = ""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        self.text = self._pipe.read()

    def __enter__(self) -> _Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def _print_findings(console: Console, told: Mapping[str, Any]) -> None:
    from rich.markup import escape

    for each in told["findings"]:
        what = (
            f"[bold]{each['fault']}[/]: {escape(each['sentence'])}"
            if each["fault"]
            else escape(each["sentence"])
        )
        console.print(f"{_GLYPHS[each['ok']]} {escape(each['name'])}  {what}", soft_wrap=True)
    console.print(f"{told['ok']}/{told['total']} OK in {told['seconds']:.1f} s (depth: {told['depth']})")


def _end(done: _Done) -> None:
    """End with the command's own status; of any other than it knows, with that of one that could not be done."""
    raise typer.Exit(done.status if done.status in (0, 1) else _CANNOT)
