"""Parts of the dashboard application that need no request: its settings, its logs, its single flights."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import pytest
from app.flight import SingleFlight
from app.logs import JsonFormatter
from app.settings import Settings, SettingsError

GOOD = {
    "DASHBOARD_API_KEY": "key",
    "DASHBOARD_DATABASE_URL": "host=db password=hush",
    "DASHBOARD_REDIS_URL": "redis://cache:6379/0",
}


def test_settings_are_read() -> None:
    settings = Settings.from_environment({**GOOD, "DASHBOARD_PORT": "81", "DASHBOARD_LOG_LEVEL": "debug"})
    assert (settings.api_key, settings.database_url) == ("key", "host=db password=hush")
    assert (settings.port, settings.log_level, settings.cache_ttl_s) == (81, "DEBUG", 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DASHBOARD_DATABASE_URL", ""),
        ("DASHBOARD_DATABASE_URL", "host=db password=hush nonsense"),
        ("DASHBOARD_REDIS_URL", ""),
        ("DASHBOARD_REDIS_URL", "http://:hush@cache"),
        ("DASHBOARD_PORT", "eighty"),
        ("DASHBOARD_PORT", "0"),
        ("DASHBOARD_CACHE_TTL_S", "-1"),
        ("DASHBOARD_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        Settings.from_environment({**GOOD, name: value})
    assert "hush" not in str(raised.value)


def test_a_log_line_is_one_line_even_with_a_traceback() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "went %s", ("wrong",), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["message"]) == ("ERROR", "went wrong")
    assert "RuntimeError: first" in line["traceback"]


class _Work:
    """Work that lasts until it is let go, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return self.begun


def test_callers_that_come_together_share_one_run() -> None:
    async def run() -> None:
        work = _Work()
        flight = SingleFlight(work)
        callers = [asyncio.create_task(flight()) for _ in range(5)]
        await asyncio.sleep(0)
        work.go.set()
        assert await asyncio.gather(*callers) == [1] * 5
        assert await flight() == 2

    asyncio.run(run())


def test_a_caller_that_gives_up_leaves_the_others_theirs() -> None:
    async def run() -> None:
        work = _Work()
        flight = SingleFlight(work)
        gives_up, stays = (asyncio.create_task(flight()) for _ in range(2))
        await asyncio.sleep(0)
        gives_up.cancel()
        await asyncio.sleep(0)
        work.go.set()
        assert await stays == 1
        assert gives_up.cancelled()

    asyncio.run(run())


def test_an_error_reaches_every_caller_and_is_not_kept() -> None:
    async def run() -> None:
        work = _Work()
        work.error = LookupError("none")
        flight = SingleFlight(work)
        callers = [asyncio.create_task(flight()) for _ in range(2)]
        await asyncio.sleep(0)
        work.go.set()
        found = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(each) for each in found] == [LookupError] * 2
        work.error = None
        assert await flight() == 2

    asyncio.run(run())
