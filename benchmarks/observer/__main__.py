"""What observing costs: ``python -m benchmarks.observer``, about 40 s, on a stack of its own.

Two questions. What does one probe cost the observer, against the obvious way of sending it (an
``httpx.AsyncClient`` that keeps no connection)? And what do observer and workload cost the stack?
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from measure import observation
from measure.compare import latency
from measure.exchange import Endpoint
from measure.jsonl import LineReader
from measure.observer import ObserverConfig
from measure.process import MeasuringProcess
from measure.workload import WorkloadConfig
from stack.stack import Stack

REQUESTS = 400
WINDOW_S = 8.0
HEADERS = {"X-API-Key": "dev-api-key"}


async def cpu_of_a_request(ask: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of this process's CPU for one of ``REQUESTS`` requests, four at a time."""
    await ask()
    before = time.process_time()
    for _ in range(REQUESTS // 4):
        await asyncio.gather(ask(), ask(), ask(), ask())
    return 1000 * (time.process_time() - before) / REQUESTS


async def compare_clients(url: str) -> tuple[float, float]:
    """CPU of one request on a fresh connection, in milliseconds: the observer's, and httpx's."""
    endpoint = Endpoint.of(url, HEADERS)
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, limits=limits, trust_env=False) as client:

        async def ours() -> None:
            answer = await endpoint.exchange(asyncio.get_running_loop().time() + 5, "GET", "/api/summary")
            if answer.status != 200:
                raise RuntimeError(f"the stack answered {answer.status}")

        async def theirs() -> None:
            (await client.get("/api/summary")).raise_for_status()

        # Alternating, and the better of three of each: what else runs on the machine is nobody's cost.
        rounds = [(await cpu_of_a_request(ours), await cpu_of_a_request(theirs)) for _ in range(3)]
    return min(each[0] for each in rounds), min(each[1] for each in rounds)


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """CPU seconds that each service has used so far."""
    found = {}
    for container in stack.containers():
        stats = stack.docker.api.stats(str(container.id), stream=False, one_shot=True)
        found[stack.service_of(container)] = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    return found


def shares(stack: Stack) -> dict[str, float]:
    """Per cent of one core that each service uses over the next ``WINDOW_S`` seconds."""
    before, started = cpu_seconds(stack), time.monotonic()
    threading.Event().wait(WINDOW_S)
    after, took = cpu_seconds(stack), time.monotonic() - started
    return {service: 100 * (after[service] - before[service]) / took for service in before}


def watch(stack: Stack, folder: Path) -> None:
    """Measure the stack alone, under the workload, and under workload and observer; print the table."""
    url = stack.url("edge", 80)
    load = WorkloadConfig(
        url,
        str(folder / "history-api.jsonl"),
        str(folder / "history-sql.jsonl"),
        str(folder / "workload.jsonl"),
        api_writes_per_s=50,
        sql_writes_per_s=25,
        timeout_s=2,
        products=5000,
    )
    probes = folder / "probes.jsonl"
    look = ObserverConfig(
        url,
        str(probes),
        str(folder / "history-probe.jsonl"),
        probe_every_ms=20,
        probe_timeout_s=2,
        products=5000,
    )
    with ExitStack() as running:
        alone = shares(stack)
        workload = MeasuringProcess("measure.workload", load, folder, {"DRILL_DSN": stack.dsn()})
        running.enter_context(workload)
        workload.wait_for(folder / "history-sql.jsonl", '"kind": "ok"', 15)
        loaded = shares(stack)
        observer = running.enter_context(MeasuringProcess("measure.observer", look, folder))
        observer.wait_for(probes, '"outcome": "ok"', 15)
        observed = shares(stack)
        observer.stop(5)
        workload.stop(5)

    print(f"\nCPU in % of one core, over {WINDOW_S:g} s each (3 x 50 probes/s; 50 + 25 writes/s):\n")
    print(f"{'':14}{'alone':>9}{'workload':>10}{'and observer':>14}")
    for service in sorted(alone):
        print(f"{service:14}{alone[service]:9.1f}{loaded[service]:10.1f}{observed[service]:14.1f}")
    print(
        f"{'stack in all':14}{sum(alone.values()):9.1f}{sum(loaded.values()):10.1f}"
        f"{sum(observed.values()):14.1f}"
    )
    seen = observation.load(probes)
    end = list(LineReader(folder / "workload.jsonl").read())[-1]
    print(f"{'workload':14}{'':9}{100 * end['cpu_s'] / end['wall_s']:10.1f}")
    print(f"{'observer':14}{'':19}{100 * (seen.cpu_share or 0):14.1f}")
    worst = max(stall.end - stall.start for stall in seen.stalls)
    print(f"\nThe observer's worst delay: {1000 * worst:.1f} ms; slots it could not use: {seen.skipped}")
    for kind, found in seen.probes.items():
        print(f"{kind:7} median {latency(found, 0.5)} ms, 95th percentile {latency(found, 0.95)} ms")


def main() -> int:
    """Run both measurements; 1 when the observer costs more than the peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(f"bench-{secrets.token_hex(3)}", folder)
        try:
            stack.compose("up", "-d", "--wait", "edge", timeout_s=150)
            ours, theirs = asyncio.run(compare_clients(stack.url("edge", 80)))
            watch(stack, folder)
        finally:
            stack.down()
    print(
        f"\nA request on a fresh connection: {ours:.2f} ms of CPU, httpx.AsyncClient {theirs:.2f} ms: "
        f"{ours / theirs:.2f} of the peer's cost"
    )
    return int(ours > theirs)


if __name__ == "__main__":
    sys.exit(main())
