"""Names as a client resolves them: asked of one name server, and believed for exactly as long as it says.

A client that knows a service by its name alone finds it in another site when the name moves there: after its
time to live, and no later. This machine's own resolver is not asked: it knows nothing of the stack's name.
"""

from __future__ import annotations

import asyncio
import time

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype


class UnresolvedError(ConnectionError):
    """The name server gave no address, so that nothing can have been sent."""


class Names:
    """Resolves names to IPv4 addresses, over UDP, on one event loop.

    :param server: the name server, as ``host:port``.
    """

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = host, int(port)
        self._known: dict[str, tuple[str, float]] = {}
        self._asking = asyncio.Lock()

    async def address(self, name: str, deadline: float) -> str:
        """The name's address: the one that is known while its time to live lasts, else asked for anew.

        An answer that is past its time is never used again, not even when the server is silent.

        :param deadline: the event loop's time (monotonic seconds) until which an answer is waited for.
        :raises UnresolvedError: when there is none, or none in time.
        """
        known, until = self._known.get(name, ("", 0.0))
        if time.monotonic() < until:
            return known
        try:
            async with asyncio.timeout_at(deadline), self._asking:  # of all that find it expired, one asks
                known, until = self._known.get(name, ("", 0.0))
                if time.monotonic() >= until:
                    asked = time.monotonic()
                    known, ttl = await self._ask(name)
                    # From when it was asked: the answer is no younger than that.
                    self._known[name] = known, asked + ttl
                return known
        except TimeoutError as error:
            raise UnresolvedError(f"{name}: the name server gave no answer in time") from error

    async def _ask(self, name: str) -> tuple[str, float]:
        query = dns.message.make_query(name, dns.rdatatype.A)
        try:
            answer = await dns.asyncquery.udp(query, self._server[0], port=self._server[1])
        except (dns.exception.DNSException, OSError) as error:
            raise UnresolvedError(f"{name}: the name server gave no answer: {error}") from error
        for found in answer.answer:
            for record in found:
                if record.rdtype == dns.rdatatype.A:
                    return str(record), float(found.ttl)
        raise UnresolvedError(
            f"{name}: the name server knows no address: {dns.rcode.to_text(answer.rcode())}"
        )
