"""When a site went dark: when the last of it died, whenever that was seen."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from docker.models.containers import Container

from chaos.site_lost import dark_since


def died(ago_s: float, running: bool = False) -> Container:
    finished = (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat().replace("+00:00", "123Z")
    return cast("Container", SimpleNamespace(attrs={"State": {"Running": running, "FinishedAt": finished}}))


def never_ran() -> Container:
    state = {"Running": False, "FinishedAt": "0001-01-01T00:00:00Z"}
    return cast("Container", SimpleNamespace(attrs={"State": state}))


def test_it_is_dark_since_the_last_of_it_died() -> None:
    dark = dark_since([died(9), died(6.3), died(7), never_ran()])
    assert dark == pytest.approx(time.monotonic() - 6.3, abs=0.5)


def test_it_is_not_dark_while_one_runs_or_none_is_known() -> None:
    assert dark_since([died(9), died(0, running=True)]) is None
    assert dark_since([]) is None
    assert dark_since([never_ran()]) is None
