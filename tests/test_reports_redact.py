"""What may be shown: secrets masked by name and by value, no terminal codes, nothing that is no secret."""

from __future__ import annotations

import time

import pytest

from reports.redact import Redactor


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('curl -H "X-API-Key: dev-api-key" http://h/api', 'curl -H "X-API-Key: ***" http://h/api'),
        ("{'X-API-Key': 'k1'}", "{'X-API-Key': '***'}"),
        ("{&#x27;X-API-Key&#x27;: &#x27;k1&#x27;}", "{&#x27;X-API-Key&#x27;: &#x27;***&#x27;}"),
        ('"password": "p w"', '"password": "*** w"'),
        ("PGPASSWORD=geheim psql", "PGPASSWORD=*** psql"),
        ("DASHBOARD_API_KEY=abc", "DASHBOARD_API_KEY=***"),
        ("host=h password=x user=y", "host=h password=*** user=y"),
        ("requirepass hunter2", "requirepass ***"),
        ("redis-cli --pass hunter2 ping", "redis-cli --pass *** ping"),
        ("postgresql://postgres:secret@db:5432/x", "postgresql://postgres:***@db:5432/x"),
        ("redis://:secret@cache", "redis://:***@cache"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("Bearer abcdefghijklmnopqrst", "Bearer ***"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END", "-----BEGIN PRIVATE KEY-----***-----END"),
    ],
)
def test_secrets_by_name(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "docker restart dashboard",
        "the primary key is there",
        "Basic checks passed; a bearer of news",
        "http://localhost:8080/api/health",
        "postgresql://postgres@db/minimarket",
        "No API key given",
        "12:30:00 monkey: see",
        "line one\n\tline two",
    ],
)
def test_harmless_texts_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_secrets_by_value_the_longest_first() -> None:
    assert Redactor(["abc", "abcdef", ""]).text("abcdef abc xabcx") == "*** *** x***x"


def test_terminal_codes_and_control_characters() -> None:
    text = "\x1b[31mred\x1b[0m\x1b]0;title\x07 a\x00b\r\nc\rd\x9be\ud800"
    assert Redactor().text(text) == "red a�b\nc\nd�e�"


def test_secret_split_by_a_terminal_code() -> None:
    assert Redactor(["hunter2"]).text("hun\x1b[1mter2") == "***"


def test_data_is_walked() -> None:
    data = {"a": ["X-API-Key: k", {"b": ("password=p", 1, None, True)}]}
    assert Redactor().data(data) == {"a": ["X-API-Key: ***", {"b": ["password=***", 1, None, True]}]}


@pytest.mark.parametrize(
    "text", ["a-" * 100_000, "x" * 200_000, "://" * 60_000, "-----BEGIN " * 20_000, "&#x27;" * 40_000]
)
def test_cost_grows_with_length_only(text: str) -> None:
    started = time.process_time()
    Redactor(["k"]).text(text)
    assert time.process_time() - started < 3
