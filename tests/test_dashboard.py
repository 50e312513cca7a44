"""The dashboard application without its stores: what it refuses, how fast it gives up, and what it says.

With its stores it is tested in ``tests/live/test_dashboard_live.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from app.api import create_app
from app.logs import JsonFormatter
from app.settings import Settings

KEY = {"X-API-Key": "test-key"}
SALE = {"client_id": "api-1", "product_id": 1, "quantity": 1}

# Nothing listens on port 1: both stores refuse to be connected to.
NOWHERE = Settings(
    api_key="test-key",
    database_url="host=127.0.0.1 port=1 user=shop dbname=shop",
    redis_url="redis://127.0.0.1:1/0",
)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which has started."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard") as client,
    ):
        yield client


def ask(*requests: tuple[str, str, dict[str, Any]], settings: Settings = NOWHERE) -> list[httpx.Response]:
    """The answers to requests sent one after another."""

    async def run() -> list[httpx.Response]:
        async with served(settings) as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    return asyncio.run(run())


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""

    # The base class takes what comes and does nothing with it.
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def timed(call: Callable[[], Awaitable[httpx.Response]]) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return await call(), time.monotonic() - started


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "test-ke"}, {"X-API-Key": "é"}])
@pytest.mark.parametrize("path", ["/api/health", "/api/products", "/api/summary", "/api/sales/api-1"])
def test_without_the_key_nothing_is_told(path: str, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    [answer] = ask(("GET", path, {"headers": encoded}))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/products?limit=0", None),
        ("GET", "/api/products?limit=201", None),
        ("GET", "/api/products?offset=-1", None),
        ("GET", "/api/products/abc", None),
        ("GET", "/api/products/0", None),
        ("GET", "/api/products/2147483648", None),
        ("GET", "/api/sales/" + "x" * 65, None),
        ("GET", "/api/sales/%00", None),
        ("POST", "/api/sales", {}),
        ("POST", "/api/sales", {**SALE, "client_id": ""}),
        ("POST", "/api/sales", {**SALE, "client_id": "with space"}),
        ("POST", "/api/sales", {**SALE, "client_id": "nul\0"}),
        ("POST", "/api/sales", {**SALE, "product_id": 0}),
        ("POST", "/api/sales", {**SALE, "product_id": 2**31}),
        ("POST", "/api/sales", {**SALE, "quantity": 0}),
        ("POST", "/api/sales", {**SALE, "quantity": 1001}),
        ("POST", "/api/sales", {**SALE, "quantity": 1.5}),
        ("POST", "/api/sales", {**SALE, "price_cents": 1}),
    ],
)
def test_what_makes_no_sense_never_reaches_the_database(method: str, path: str, body: object) -> None:
    [answer] = ask((method, path, {"json": body, "headers": KEY}))
    assert answer.status_code == 422


def test_it_starts_and_says_what_is_wrong_without_either_store() -> None:
    [answer] = ask(("GET", "/api/health", {"headers": KEY}))
    assert answer.status_code == 503
    body = answer.json()
    assert body["status"] == "down"
    for dependency in ("database", "redis"):
        found = body["dependencies"][dependency]
        assert found["latency_ms"] >= 0
        assert (found["state"], found["error"]) == ("down", "ConnectionError")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/products", None),
        ("GET", "/api/products/1", None),
        ("GET", "/api/summary", None),
        ("GET", "/api/sales/api-1", None),
        ("POST", "/api/sales", SALE),
    ],
)
def test_without_the_database_every_question_is_refused_at_once(method: str, path: str, body: object) -> None:
    async def run() -> tuple[httpx.Response, float]:
        async with served(NOWHERE) as client:
            return await timed(lambda: client.request(method, path, json=body, headers=KEY))

    answer, took = asyncio.run(run())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json() == {"detail": "database unavailable: ConnectionError"}
    assert took < 0.5


def test_stores_that_never_answer_hold_nobody_up() -> None:
    async def run() -> None:
        async with black_hole() as port:
            silent = replace(
                NOWHERE,
                database_url=f"host=127.0.0.1 port={port} user=shop dbname=shop",
                redis_url=f"redis://127.0.0.1:{port}/0",
            )
            async with served(silent) as client:
                health, took = await timed(lambda: client.get("/api/health", headers=KEY))
                assert health.status_code == 503
                dependencies = health.json()["dependencies"]
                assert [dependencies[name]["error"] for name in ("database", "redis")] == ["TimeoutError"] * 2
                assert took < silent.look_timeout_s + 0.5
                sale, took = await timed(lambda: client.post("/api/sales", json=SALE, headers=KEY))
                assert sale.status_code == 503
                assert took < 0.5

    asyncio.run(run())


def test_metrics_need_no_key_and_have_the_names_that_alerts_use() -> None:
    _, answer = ask(("GET", "/nowhere/at/all", {}), ("GET", "/metrics", {}))
    assert answer.status_code == 200
    for name in (
        'dashboard_requests_total{method="GET",route="unmatched",status="404"}',
        'dashboard_request_seconds_bucket{le="0.001",method="GET",route="unmatched"}',
        "dashboard_cache_hits_total",
        "dashboard_cache_misses_total",
        "dashboard_cache_bypass_total",
        "dashboard_db_queries_total",
        "dashboard_db_errors_total",
        "process_start_time_seconds",
    ):
        assert f"\n{name}" in answer.text


def test_a_request_keeps_its_id_and_gets_one_when_it_has_none() -> None:
    own, odd, none = ask(
        ("GET", "/metrics", {"headers": {"X-Request-Id": "abc123"}}),
        ("GET", "/metrics", {"headers": {"X-Request-Id": "not-\tfit"}}),
        ("GET", "/metrics", {}),
    )
    assert own.headers["X-Request-Id"] == "abc123"
    assert len(odd.headers["X-Request-Id"]) == len(none.headers["X-Request-Id"]) == 32


def test_each_request_is_one_line_of_json_at_the_level_it_deserves(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ask(
        ("GET", "/api/products/1", {"headers": {**KEY, "X-Request-Id": "abc123"}}),
        ("GET", "/api/products/x", {"headers": KEY}),
        ("GET", "/metrics", {}),
    )
    records = [record for record in caplog.records if record.name == "dashboard.request"]
    lines = [json.loads(JsonFormatter().format(record)) for record in records]
    # The third is routine: at INFO it is not worth a line.
    assert [(line["level"], line["status"]) for line in lines] == [("WARNING", 503), ("INFO", 422)]
    first = lines[0]
    assert first["request_id"] == "abc123"
    assert (first["method"], first["path"]) == ("GET", "/api/products/1")
    assert first["error"] == "ConnectionError"
    assert first["duration_s"] >= 0
    assert first["time"].endswith("+00:00")
