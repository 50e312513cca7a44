"""The adapter around toxiproxy-python, against servers that misbehave; the real one is in tests/live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chaos.toxiproxy import Toxiproxy, ToxiproxyError

_PROXIES = b'{"%s": {"name": "%s", "listen": "l", "upstream": "u", "enabled": true, "toxics": []}}'


@contextmanager
def _server(status: int, body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_two_of_them_do_not_share_an_address() -> None:
    with _server(200, _PROXIES % (b"one", b"one")) as one, _server(200, _PROXIES % (b"two", b"two")) as two:
        first, second = Toxiproxy("127.0.0.1", one), Toxiproxy("127.0.0.1", two)
        assert list(first.proxies()) == ["one"]
        assert list(second.proxies()) == ["two"]
        assert list(first.proxies()) == ["one"]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 503])
def test_a_refusal_is_an_error(status: int) -> None:
    with _server(status, b"no") as port, pytest.raises(ToxiproxyError, match="GET /proxies"):
        Toxiproxy("127.0.0.1", port).proxies()


def test_nobody_there_is_an_error() -> None:
    with _server(200, b"") as port:
        pass
    with pytest.raises(ToxiproxyError):
        Toxiproxy("127.0.0.1", port).proxies()
