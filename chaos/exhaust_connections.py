"""Database: every connection is taken by a session that idles; nobody else gets in.

::

    prepare: ask for max_connections
    inject: a client connects as often, and those of others are put out ──▶ effective: a superuser is refused
        ──▶ heal: end the client ──▶ healed: no session of it is left

``superuser_reserved_connections`` keeps the last ones for superusers (PostgreSQL manual, "Connections and
Authentication"). An application that connects as one, as the drilled dashboard does, has those too, so they
are taken as well, and then psql does not get in to heal: the client is ended from outside of the server. A
pool goes on with the connections that it has: it only feels a leak elsewhere once it has to connect anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.base import saved
from chaos.postgres import USER, TooManyConnections, query
from chaos.sessions import SessionFault
from stack.wait import wait_until

# One process for all of them, in what every image with PostgreSQL has. When it has got all that it is after, it says
# so where /proc shows its arguments. (PostgreSQL manual, "Message Flow" and "Message Formats".)
_CLIENT = r"""
use strict; use IO::Socket::UNIX;
my ($mark, $path, $user, $wanted, $put_out) = @ARGV;

sub packet { my ($body) = @_; return pack("N", 4 + length $body) . $body }

sub message {
    my ($socket) = @_;
    read($socket, my $head, 5) == 5 or return "";
    my ($type, $length) = unpack "aN", $head;
    read($socket, my $body, $length - 4) == $length - 4 or return "";
    return $type;
}

sub ready {
    my ($socket) = @_;
    while (my $type = message($socket)) { return 1 if $type eq "Z"; return 0 if $type eq "E" }
    return 0;
}

sub connection {
    my $socket = IO::Socket::UNIX->new(Peer => $path) or return;
    my %about = (user => $user, database => "postgres", application_name => $mark,
        options => "-c idle_session_timeout=0");
    $socket->print(packet(pack("N", 3 << 16) . join("", map { "$_\0$about{$_}\0" } keys %about) . "\0"));
    $socket->flush;
    return ready($socket) ? $socket : undef;
}

sub put_out {
    my ($socket) = @_;
    my $sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        . "WHERE backend_type = 'client backend' AND application_name <> '$mark'";
    $socket->print("Q" . packet("$sql\0"));
    $socket->flush;
    ready($socket);
}

my @held;
while (@held < $wanted) {
    if (my $socket = connection()) { push @held, $socket; next }
    $0 = "$mark FULL" unless $put_out;
    put_out($held[0]) if $put_out && @held;
    select undef, undef, undef, $put_out ? 0.02 : 0.2;
}
$0 = "$mark FULL";
sleep;
"""

_SAYS_FULL = 'for file in /proc/[0-9]*/cmdline; do grep -qsaF -e "$1 FULL" "$file" && exit; done; exit 1'
_SOCKET = "/var/run/postgresql/.s.PGSQL.5432"


@dataclass
class ExhaustConnections(SessionFault):
    """Takes every connection of the PostgreSQL that ``service`` runs.

    :param put_out: whether the sessions of others are ended, too, to take their places.

    ``connections`` is how many the server has, for superusers and for all others.
    """

    name: ClassVar[str] = "exhaust-connections"
    service: str = "postgres"
    put_out: bool = True
    connections: int = saved(0)

    def describe(self) -> str:
        """One sentence for the report."""
        whose = "every connection" if self.put_out else "every connection that is free"
        return f"Idle sessions hold {whose} of {self.service}, the superusers' reserve too."

    def prepare(self) -> None:
        """Ask how many there are."""
        [[connections]] = query(self.stack, self.service, "SHOW max_connections")
        self.connections = int(connections)

    def inject(self) -> None:
        """Have a client connect as often."""
        wanted = (str(self.connections), "1" if self.put_out else "")
        self.hold("perl", "-e", _CLIENT, self.mark, _SOCKET, USER, *wanted)

    def wait_effective(self, timeout_s: float) -> float:
        """When the client was first seen to have all that it is after, and a superuser to be refused."""
        wait_until(
            self._full, timeout_s=timeout_s, what=f"{self.service} refuses connections: too many clients"
        )
        return time.monotonic()

    def _full(self) -> bool:
        try:
            query(self.stack, self.service, "SELECT")
        except TooManyConnections:
            return self.stack.exec(self.service, ["sh", "-c", _SAYS_FULL, "sh", self.mark]).exit_code == 0
        return False
