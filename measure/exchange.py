"""One HTTP request on one fresh connection, as cheaply as it can be done honestly.

A probe must not profit from a connection that was opened while all was well. ``httpx`` takes 1.7 ms of CPU
for an asynchronous request on a fresh connection, this takes 0.5 ms: at 200 requests a second that is a third
of a core against a tenth, on a machine that the drilled stack has to share. The protocol itself is h11's,
which httpx uses too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from measure.names import Names


class NotSentError(ConnectionError):
    """No connection came about, so the server cannot have seen the request."""


class BrokenAnswerError(ConnectionError):
    """The request was sent, and no complete answer came back."""


@dataclass(frozen=True)
class Answer:
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and the headers that each of them carries.

    :param names: who is asked for the host's address; None: this machine, as usual.
    """

    host: str
    port: int
    headers: tuple[tuple[str, str], ...]
    names: Names | None = None

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str], names: Names | None = None) -> Endpoint:
        """The endpoint of an ``http://host:port`` address.

        :raises ValueError: for any other kind of address.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} is no http:// address")
        fixed = {"Host": parts.netloc, "Connection": "close", **headers}
        return cls(parts.hostname, parts.port or 80, tuple(fixed.items()), names)

    async def exchange(self, deadline: float, method: str, target: str, body: bytes | None = None) -> Answer:
        """Send one request on a connection of its own and return the whole answer.

        :param deadline: the event loop's time (monotonic seconds) at which all of it must be over.
        :raises NotSentError: when no connection came about in time.
        :raises TimeoutError: when no complete answer came in time.
        :raises BrokenAnswerError: when the connection broke, or what came back was no HTTP, after sending.
        """
        try:
            async with asyncio.timeout_at(deadline):
                address = await self.names.address(self.host, deadline) if self.names else self.host
                reader, writer = await asyncio.open_connection(address, self.port)
        except OSError as error:
            raise NotSentError(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        try:
            async with asyncio.timeout_at(deadline):
                return await self._talk(reader, writer, method, target, body)
        except TimeoutError:
            raise
        except (OSError, h11.RemoteProtocolError) as error:
            raise BrokenAnswerError(f"{type(error).__name__}: {error}") from error
        finally:
            writer.close()

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        target: str,
        body: bytes | None,
    ) -> Answer:
        protocol = h11.Connection(h11.CLIENT)
        headers = list(self.headers)
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        request = protocol.send(h11.Request(method=method, target=target, headers=headers)) or b""
        if body is not None:
            request += protocol.send(h11.Data(data=body)) or b""
        writer.write(request + (protocol.send(h11.EndOfMessage()) or b""))

        head: h11.Response | None = None
        content = b""
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                names = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
                return Answer(head.status_code, names, content)
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionResetError("closed before an answer came")
