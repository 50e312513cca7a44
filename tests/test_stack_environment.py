"""What the environment says of the stack, as the Compose file would take it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stack import environment

COMPOSE = (Path(__file__).parent.parent / "docker-compose.test.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("DASHBOARD_API_KEY", environment.api_key),
        ("DRILL_POSTGRES_PASSWORD", environment.postgres_password),
        ("DRILL_DNS_NAME", environment.dns_name),
    ],
)
def test_what_is_unset_or_empty_is_what_the_compose_file_says(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: Callable[[], str]
) -> None:
    monkeypatch.delenv(variable, raising=False)
    assert set(re.findall(rf"\$\{{{variable}:-([^}}]*)\}}", COMPOSE)) == {said()}
    default = said()
    monkeypatch.setenv(variable, "")
    assert said() == default
    monkeypatch.setenv(variable, "another")
    assert said() == "another"
