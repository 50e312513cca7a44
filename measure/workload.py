"""The workload: clients that write all the time and remember every answer, in a process of its own.

Run as ``python -m measure.workload CONFIG.json`` (fields: :class:`WorkloadConfig`); it stops on SIGTERM or
when its standard input ends, and gives what is in flight its time-out to end. One open loop sells through
the dashboard's API, one writes directly in SQL. The secrets come from the environment
(``DASHBOARD_API_KEY``, ``DRILL_DSN``): the configuration is kept as evidence.

Each operation goes to its writer's history (:mod:`measure.history`); what else there is to know, to the log::

    {"kind": "start", "t": …}
    {"kind": "skip", "t": …, "path": "api", "slots": 2, "why": "in flight" | "stalled"}
    {"kind": "end", "t": …, "cpu_s": …, "wall_s": …, "skipped": {"api": 2, "sql": 0}}
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from measure.api_writer import ApiWriter
from measure.history import History
from measure.jsonl import LineWriter
from measure.names import Names
from measure.openloop import OpenLoop, cost, stop_signals
from measure.sql_writer import CONNECTIONS, SqlWriter
from stack import environment


@dataclass(frozen=True)
class WorkloadConfig:
    """What the workload is told. A rate of 0 leaves that writer out.

    :param timeout_s: seconds after which a write is given up, its fate unknown.
    :param products: sales go to the product ids 1 to this.
    :param resolver: the name server, as ``host:port``, that knows the host of ``url``; empty: this machine does.
    """

    url: str
    history_api: str
    history_sql: str
    log: str
    api_writes_per_s: float
    sql_writes_per_s: float
    timeout_s: float
    products: int
    resolver: str = ""


class _Log:
    """The workload's own file, and its count of slots that passed unused."""

    def __init__(self, path: Path) -> None:
        self.lines = LineWriter(path)
        self.skipped = {"api": 0, "sql": 0}

    def skip(self, path: str) -> Callable[[int, str], None]:
        def record(slots: int, why: str) -> None:
            self.skipped[path] += slots
            self.lines.write(
                {"kind": "skip", "t": time.monotonic(), "path": path, "slots": slots, "why": why}
            )

        return record


async def run(config: WorkloadConfig, api_key: str, dsn: str, stop: asyncio.Event) -> None:
    """Write at both rates until ``stop`` is set and what was in flight has ended.

    :raises psycopg.Error: when the database cannot take the suite's own table at the start.
    """
    started = time.monotonic()
    log = _Log(Path(config.log))
    log.lines.write({"kind": "start", "t": started})
    loops = []
    async with AsyncExitStack() as resources:
        if config.api_writes_per_s:
            api = await resources.enter_async_context(_api_writer(config, api_key))
            loops.append(
                OpenLoop(
                    1 / config.api_writes_per_s, api.write, log.skip("api"), api.connections, anywhere=True
                )
            )
        if config.sql_writes_per_s:
            history = History(Path(config.history_sql), "sql")
            sql = await resources.enter_async_context(SqlWriter(dsn, history, config.timeout_s))
            loops.append(
                OpenLoop(1 / config.sql_writes_per_s, sql.write, log.skip("sql"), CONNECTIONS, anywhere=True)
            )
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop.run(time.monotonic(), stop, config.timeout_s + 1))
    log.lines.write({"kind": "end", **cost(started), "skipped": log.skipped})
    log.lines.close()


def _api_writer(config: WorkloadConfig, api_key: str) -> ApiWriter:
    # Room for every sale that can be waiting for its time-out, and a little for those that come late.
    connections = math.ceil(1.2 * config.timeout_s * config.api_writes_per_s) + 1
    history = History(Path(config.history_api), "api")
    names = Names(config.resolver) if config.resolver else None
    return ApiWriter(config.url, api_key, history, config.products, config.timeout_s, connections, names)


async def _main(config: WorkloadConfig, api_key: str, dsn: str) -> None:
    with stop_signals() as stop:
        await run(config, api_key, dsn, stop)


def main(argv: list[str]) -> None:
    """Run the workload that the JSON file ``argv[0]`` describes."""
    config = WorkloadConfig(**json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    asyncio.run(_main(config, environment.api_key(), os.environ.get("DRILL_DSN", "")))


if __name__ == "__main__":
    main(sys.argv[1:])
