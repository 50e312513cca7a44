"""The stack that is spoiled, and the score."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos.reaper import reap, sweep
from fixtures.plugin import reports_dir
from reports.folder import create, new_drill_id
from stack.stack import Stack, connect


@pytest.fixture(scope="session")
def victim(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack of the saboteurs' own, shared by all of them: each is undone when its drill is over."""
    root = reports_dir(request.config)
    client = connect()
    reap(client, root)
    drill_id = new_drill_id()
    with create(root, drill_id) as folder:
        stack = Stack(drill_id, folder.path)
        try:
            stack.up_standby()
            stack.up()
            yield stack
        finally:
            sweep(client, drill_id)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The drill mutation score: how many of the saboteurs were noticed, and which were not."""
    outcomes = {
        outcome: [
            report.nodeid
            for report in terminalreporter.stats.get(outcome, ())
            if "test_saboteur_is_noticed" in report.nodeid
        ]
        for outcome in ("passed", "failed", "error")
    }
    survivors = [*outcomes["failed"], *outcomes["error"]]
    total = len(outcomes["passed"]) + len(survivors)
    if total:
        killed = len(outcomes["passed"])
        terminalreporter.write_sep("=", f"drill mutation score: {killed}/{total} = {killed / total:.0%}")
        for survivor in survivors:
            terminalreporter.write_line(f"survived: {survivor}")
