"""Running a command inside a container, and having all that it printed.

docker-py's ``exec_run`` asks the engine to upgrade the connection, then reads the output beneath the buffer with which
it has read the answer's header. What came in one piece with the header is lost, and the exit status is 0: an empty
output that looks like an answer (https://github.com/docker/docker-py/issues/3332).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import requests
from docker.errors import create_api_error_from_http_exception
from docker.models.containers import Container

_ANSWER_S = 30.0
# Bytes before each piece of output: which stream, and in the last four its length (Docker Engine API, ContainerAttach).
_HEADER = 8


@dataclass(frozen=True)
class ExecResult:
    """A command that ran inside a container: its exit status and all that it printed, on either stream."""

    exit_code: int
    output: str


def execute(container: Container, argv: Sequence[str], timeout_s: float, user: str = "") -> ExecResult:
    """Run a command inside a container; the container's own ``timeout`` bounds it.

    :param timeout_s: seconds; the exit status is 124 or 137 when it took longer.
    :raises docker.errors.APIError: when the engine refuses, as for a container that is not running.
    :raises requests.exceptions.RequestException: when the engine does not answer for that long and 30 s more, or
        breaks off.
    """
    if container.client is None:
        raise ValueError(f"{container.name} belongs to no engine")
    api = container.client.api
    bounded = ["timeout", "-k", "1", f"{timeout_s:g}", *argv]
    key = api.exec_create(container.id, bounded, user=user)["Id"]
    answer = api.post(
        f"{api.base_url}/v{api.api_version}/exec/{key}/start",
        json={"Detach": False, "Tty": False},
        timeout=timeout_s + _ANSWER_S,
    )
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    output = b"".join(_frames(answer.content))
    code = api.exec_inspect(key)["ExitCode"]
    if code is None:
        raise RuntimeError(f"the engine gave no exit status for {argv[0]} in {container.name}")
    return ExecResult(code, output.decode("utf-8", "replace"))


def _frames(stream: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        length = int.from_bytes(stream[at + 4 : at + _HEADER], "big")
        at += _HEADER + length
        if at > len(stream):
            raise requests.ConnectionError("the engine broke off in the middle of what a command has printed")
        yield stream[at - length : at]
