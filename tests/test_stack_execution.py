"""Running a command in a container: nothing that it printed is lost, whatever pieces the engine's answer comes in."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import docker
import docker.errors
import pytest
import requests
from docker.models.containers import Container

from stack.execution import ExecResult, execute

RAW = b"Content-Type: application/vnd.docker.raw-stream\r\n\r\n"
STREAMED = b"HTTP/1.1 200 OK\r\n" + RAW
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" + RAW


def frame(stream: int, text: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(text)) + text


class Engine(ThreadingHTTPServer):
    """An engine that has one command's answer ready before it is read: header and output in one piece."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[dict[str, Any]] = []
        self.printed = frame(1, b"first\n") + frame(2, b"an error\n") + frame(1, b"last\n")
        self.refusal = b""


class Answering(BaseHTTPRequestHandler):
    """One request to the engine."""

    server: Engine

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path.endswith("/exec"):
            self._answer(201, json.dumps({"Id": "e1"}).encode())
        elif self.server.refusal:
            self._answer(409, self.server.refusal)
        else:
            header = UPGRADED if "Upgrade" in self.headers else STREAMED
            self.connection.sendall(header + self.server.printed)
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"ExitCode": 3, "Running": False}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def container(engine: Engine) -> Iterator[Container]:
    client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{engine.server_port}", version="1.45")
    yield Container({"Id": "c1", "Name": "/shop"}, client=client)
    client.close()


def test_output_that_comes_with_the_header_is_not_lost(container: Container, engine: Engine) -> None:
    result = execute(container, ["ask", "me"], 5, user="root")
    assert result == ExecResult(3, "first\nan error\nlast\n")
    assert engine.asked[0]["Cmd"] == ["timeout", "-k", "1", "5", "ask", "me"]
    assert engine.asked[0]["User"] == "root"


def test_a_command_may_print_nothing(container: Container, engine: Engine) -> None:
    engine.printed = b""
    assert execute(container, ["true"], 5) == ExecResult(3, "")


@pytest.mark.parametrize("whole", [-1, 12, 6])
def test_output_that_breaks_off_is_no_answer(container: Container, engine: Engine, whole: int) -> None:
    engine.printed = engine.printed[:whole]
    with pytest.raises(requests.ConnectionError, match="broke off"):
        execute(container, ["true"], 5)


def test_what_the_engine_refuses_is_its_error(container: Container, engine: Engine) -> None:
    engine.refusal = b'{"message": "container c1 is paused"}'
    with pytest.raises(docker.errors.APIError, match="is paused"):
        execute(container, ["true"], 5)
