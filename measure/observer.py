"""The observer: what a client of the stack would see, asked every few milliseconds, in a process of its own.

Run as ``python -m measure.observer CONFIG.json`` (fields: :class:`ObserverConfig`); it stops on SIGTERM or
when its standard input ends. Each kind of probe is an open loop on fresh connections, each probe is bounded
in all. The API key comes from the environment, ``DASHBOARD_API_KEY``: the configuration is kept as evidence.

``probes.jsonl`` holds one line a probe (:class:`measure.observation.Probe`) and, beside them::

    {"kind": "start", "t": …}
    {"kind": "tick", "t": …, "late": …}         the observer's own scheduling delay: a stall shows here
    {"kind": "skip", "t": …, "probe": "read", "slots": 3, "why": "in flight" | "stalled"}
    {"kind": "end", "t": …, "cpu_s": …, "wall_s": …}         missing when the observer died
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure.exchange import Answer, BrokenAnswerError, Endpoint, NotSentError
from measure.history import Fate, History, fate_of_status
from measure.jsonl import LineWriter
from measure.names import Names
from measure.observation import TICK_S
from measure.openloop import OpenLoop, cost, stop_signals, tick
from measure.sale import Sale
from stack import environment


@dataclass(frozen=True)
class ObserverConfig:
    """What the observer is told. ``products``: sales go to the product ids 1 to this.

    :param resolver: the name server, as ``host:port``, that knows the host of ``url``; empty: this machine does.
    """

    url: str
    probes: str
    history: str
    probe_every_ms: float
    probe_timeout_s: float
    products: int
    resolver: str = ""


@dataclass(frozen=True)
class _Seen:
    outcome: str
    status: int | None = None
    error: str | None = None
    cache: str | None = None


class Observer:
    """The three probes, and where their results go."""

    def __init__(self, config: ObserverConfig, api_key: str) -> None:
        self._config = config
        self._endpoint = Endpoint.of(
            config.url,
            {"X-API-Key": api_key, "User-Agent": "dr-drill-observer"},
            Names(config.resolver) if config.resolver else None,
        )
        self._lines = LineWriter(Path(config.probes))
        self._history = History(Path(config.history), "probe")
        self._sales = itertools.count()

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until ``stop`` is set and what was in flight has ended."""
        started = time.monotonic()
        self._lines.write({"kind": "start", "t": started})
        period = self._config.probe_every_ms / 1000
        probes = {"health": self._health, "read": self._read, "write": self._write}
        async with asyncio.TaskGroup() as group:
            group.create_task(tick(self._tick, stop, TICK_S))
            for n, (kind, probe) in enumerate(probes.items()):
                loop = self._loop(kind, probe, period)
                offset = period * n / len(probes)
                group.create_task(loop.run(started + offset, stop, self._config.probe_timeout_s + 1))
        self._lines.write({"kind": "end", **cost(started)})
        self._lines.close()
        self._history.close()

    def _loop(
        self, kind: str, probe: Callable[[float], Coroutine[None, None, _Seen]], period: float
    ) -> OpenLoop:
        async def work(due: float) -> None:
            t = time.monotonic()
            seen = await probe(t + self._config.probe_timeout_s)
            self._lines.write(
                {
                    "kind": kind,
                    "t": round(t, 6),
                    "latency": round(time.monotonic() - t, 6),
                    "outcome": seen.outcome,
                    "status": seen.status,
                    "error": seen.error,
                    "cache": seen.cache,
                    "late": round(t - due, 6),
                }
            )

        def skipped(slots: int, why: str) -> None:
            self._lines.write(
                {"kind": "skip", "t": time.monotonic(), "probe": kind, "slots": slots, "why": why}
            )

        # Room for every probe that can be waiting for its time-out, and a little for those that come late.
        in_flight = math.ceil(1.2 * self._config.probe_timeout_s / period) + 1
        return OpenLoop(period, work, skipped, in_flight)

    def _tick(self, t: float, late: float) -> None:
        self._lines.write({"kind": "tick", "t": round(t, 6), "late": round(late, 6)})

    async def _health(self, deadline: float) -> _Seen:
        return await self._ask(deadline, "/api/health", lambda answer: answer.status == 200)

    async def _read(self, deadline: float) -> _Seen:
        return await self._ask(deadline, "/api/summary", _is_summary)

    async def _ask(self, deadline: float, target: str, good: Callable[[Answer], bool]) -> _Seen:
        try:
            answer = await self._endpoint.exchange(deadline, "GET", target)
        except (NotSentError, BrokenAnswerError, TimeoutError) as error:
            return _Seen("fail", error=_say(error))
        cache = answer.headers.get("x-cache")
        if good(answer):
            return _Seen("ok", answer.status, cache=cache)
        return _Seen("fail", answer.status, f"answered {answer.status}: {_begin(answer.body)}", cache)

    async def _write(self, deadline: float) -> _Seen:
        sale = Sale.number(next(self._sales), self._config.products)
        operation = self._history.invoke(sale.value)
        body = json.dumps(sale.body(operation.id)).encode()
        try:
            answer = await self._endpoint.exchange(deadline, "POST", "/api/sales", body)
        except NotSentError as error:
            self._history.settle(operation, Fate.FAIL)
            return _Seen("fail", error=_say(error))
        except (BrokenAnswerError, TimeoutError) as error:
            self._history.settle(operation, Fate.INFO)
            return _Seen("unknown", error=_say(error))
        fate = fate_of_status(answer.status)
        self._history.settle(operation, fate)
        if fate is not Fate.OK:
            outcome = "fail" if fate is Fate.FAIL else "unknown"
            return _Seen(outcome, answer.status, f"answered {answer.status}: {_begin(answer.body)}")
        return await self._read_back(deadline, sale, operation.id)

    async def _read_back(self, deadline: float, sale: Sale, sale_id: str) -> _Seen:
        try:
            answer = await self._endpoint.exchange(deadline, "GET", f"/api/sales/{sale_id}")
        except (NotSentError, BrokenAnswerError, TimeoutError) as error:
            return _Seen("fail", error=f"read back: {_say(error)}")
        if answer.status != 200:
            return _Seen("fail", answer.status, f"read back: answered {answer.status}: {_begin(answer.body)}")
        if not sale.matches(sale_id, answer.body):
            return _Seen("fail", answer.status, f"read back: not what was written: {_begin(answer.body)}")
        return _Seen("ok", answer.status)


def _is_summary(answer: Answer) -> bool:
    if answer.status != 200:
        return False
    try:
        return isinstance(json.loads(answer.body), dict)
    except ValueError:
        return False


def _say(error: Exception) -> str:
    return str(error) or "no answer in time"


def _begin(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split())


async def _main(config: ObserverConfig, api_key: str) -> None:
    with stop_signals() as stop:
        await Observer(config, api_key).run(stop)


def main(argv: list[str]) -> None:
    """Run the observer that the JSON file ``argv[0]`` describes."""
    config: dict[str, Any] = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    asyncio.run(_main(ObserverConfig(**config), environment.api_key()))


if __name__ == "__main__":
    main(sys.argv[1:])
