"""A database is replaced by a backup when its own words show that its data are damaged, and never otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from recovery.damage import LOG, READ_ALL, READY, why_whole
from recovery.runbook import Ran

ACCEPTING = Ran(True, "127.0.0.1:5432 - accepting connections")
REJECTING = Ran(False, "127.0.0.1:5432 - rejecting connections")
GONE = Ran(False, "127.0.0.1:5432 - no response")
RESTARTING = Ran(False, "Container 1a2b is restarting, wait until the container is running")


class Server:
    """Hands of a database server: of each command its answers, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[Ran]]) -> None:
        self._answers = {command: list(given) for command, given in answers.items()}
        self.timeouts: dict[str, float] = {}

    def spell(self, command: str) -> str:
        return command

    def run(self, command: str, timeout_s: float) -> Ran:
        self.timeouts[command] = timeout_s
        answers = self._answers[command]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def told(patience_s: float = 2, **answers: Sequence[Ran]) -> str:
    commands = {"ready": READY, "read": READ_ALL, "log": LOG}
    return why_whole(patience_s, 1, Server({commands[name]: given for name, given in answers.items()}))


def test_a_server_of_which_every_row_can_be_read_is_whole() -> None:
    assert "nothing is damaged" in told(ready=[ACCEPTING], read=[Ran(True, "")])


@pytest.mark.parametrize(
    "said",
    [
        'pg_dump: error: query failed: ERROR:  invalid page in block 0 of relation "base/16384/16385"',
        'FATAL:  invalid page in block 0 of relation "base/16384/1259"',
        'ERROR:  could not read blocks 3..3 in file "base/16384/16385": read only 0 of 8192 bytes',
        'ERROR:  could not open file "base/16384/16385": No such file or directory',
        "ERROR:  missing chunk number 0 for toast value 16400 in pg_toast_16385",
    ],
)
def test_rows_that_cannot_be_read_are_damaged(said: str) -> None:
    assert told(ready=[ACCEPTING], read=[Ran(False, said)]) == ""


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  incorrect checksum in control file",
        "PANIC:  could not locate a valid checkpoint record at 0/3000028",
        "entrypoint: /var/lib/postgresql/data holds no cluster, where a restored one was expected: none is made",
    ],
)
@pytest.mark.parametrize("answer", [GONE, RESTARTING])
def test_a_server_that_does_not_start_and_says_why_is_damaged(answer: Ran, said: str) -> None:
    assert told(ready=[answer], log=[Ran(True, f"LOG:  starting\n{said}\nLOG:  shut down")]) == ""


@pytest.mark.parametrize(
    "said",
    [
        "\nit took longer than 450 s",
        'ERROR:  could not open file "base/16384/16385": Permission denied',
        'ERROR:  could not open file "base/16384/16385": Too many open files in system',
        "pg_dump: error: connection to server failed: FATAL:  sorry, too many clients already",
        "pg_dump: error: connection to server failed: FATAL:  the database system is starting up",
        "",
    ],
)
def test_what_could_not_be_read_in_time_or_was_not_let_in_is_not_damaged(said: str) -> None:
    assert "nothing shows that its data are damaged" in told(ready=[ACCEPTING], read=[Ran(False, said)])


@pytest.mark.parametrize(
    "log",
    [
        Ran(True, 'PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device'),
        Ran(True, "LOG:  database system was interrupted while in recovery"),
        Ran(False, "Error: No such container"),
        Ran(True, ""),
    ],
)
def test_a_server_that_is_down_for_another_reason_is_not_damaged(log: Ran) -> None:
    assert "nothing shows that its data are damaged" in told(ready=[GONE], log=[log])


def test_a_server_that_replays_its_log_is_waited_for() -> None:
    assert "nothing is damaged" in told(ready=[REJECTING, REJECTING, ACCEPTING], read=[Ran(True, "")])
    assert "still recovering" in told(patience_s=0, ready=[REJECTING])


def test_reading_every_row_may_take_its_time() -> None:
    server = Server({READY: [ACCEPTING], READ_ALL: [Ran(True, "")]})
    why_whole(450, 30, server)
    assert server.timeouts == {READY: 30, READ_ALL: 450}
