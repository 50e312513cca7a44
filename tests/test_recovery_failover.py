"""Failover and failback: what must not be done when something before it has failed; boxes that ask a name server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from plan.load import load_plan
from plan.model import Plan
from recovery import scenario_5
from recovery.catalog import ALL_NAMES, NAMES, find_runbook
from recovery.client import Client
from recovery.model import BoxResult, StepStatus
from recovery.runbook import Ran, Runbook
from recovery.site_boxes import SiteBoxes
from recovery.wording import first_service, on_paper
from stack.stack import Stack
from tests.test_measure_names import NAME, NameServer


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Path(__file__).parent.parent / "drp.toml")


class Hands:
    """Does nothing, and keeps what it was told to do; ``fails`` is a word of the command that fails."""

    def __init__(self, fails: str = "nothing", says: str = "1") -> None:
        self.done: list[str] = []
        self._fails = fails
        self._says = says

    def spell(self, command: str) -> str:
        return on_paper(command)

    def run(self, command: str, timeout_s: float) -> Ran:
        self.done.append(command)
        return Ran(self._fails not in command, self._says)

    def place(self, word: str) -> int:
        """When a command with that word was carried out, among the others."""
        return next(n for n, command in enumerate(self.done) if word in command)


def carry_out(runbook: Runbook, hands: Hands, holds: bool = True) -> list[tuple[str, StepStatus]]:
    result = runbook.run(hands, lambda: [BoxResult("all-running", "All services running", holds, "")])
    assert result.recovered is holds
    return [(step.title, step.status) for step in result.steps]


def quick(runbook: Runbook) -> Runbook:
    """The runbook without its patience."""
    ladder = tuple(
        replace(rung, steps=tuple(replace(step, patience_s=0.0) for step in rung.steps))
        for rung in runbook.ladder
    )
    return replace(runbook, ladder=ladder, validation_timeout_s=0.0)


def test_the_old_site_is_fenced_before_anything_is_restored_and_the_name_moves_last(plan: Plan) -> None:
    hands = Hands()
    carry_out(find_runbook("site-lost", plan), hands)
    order = [hands.place(word) for word in ("activate-site", "restore", "compose up", "curl", "point-to")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        ("false\ntrue\nError: No such object", StepStatus.OK),
        ("false\nfalse", StepStatus.SKIPPED),
        ("Error: No such object", StepStatus.SKIPPED),
    ],
)
def test_what_still_runs_in_the_lost_site_is_stopped_before_the_other_one_serves(
    plan: Plan, seen: str, status: StepStatus
) -> None:
    hands = Hands(says=seen)
    steps = carry_out(find_runbook("site-lost", plan), hands)
    assert dict(steps)["Stop what still runs in the lost site"] is status
    if status is StepStatus.OK:
        assert hands.place("docker stop {edge elsewhere}") < hands.place("activate-site")


@pytest.mark.parametrize("name", ["site-lost", "failback"])
@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (f"{'a1' * 32}\nError: No such object: it", StepStatus.OK),
        ("Error: No such object: it\nError: No such object: it", StepStatus.SKIPPED),
    ],
)
def test_what_an_attempt_that_was_given_up_has_left_goes_before_the_site_may_serve(
    plan: Plan, name: str, seen: str, status: StepStatus
) -> None:
    hands = Hands(says=seen)
    runbook = find_runbook(name, plan)
    [rung] = runbook.ladder
    clear = next(n for n, step in enumerate(rung.steps) if "dr stack clear" in step.command)
    assert "activate-site" in rung.steps[clear + 1].command
    steps = carry_out(replace(runbook, ladder=(replace(rung, steps=rung.steps[clear : clear + 1]),)), hands)
    assert dict(steps)[rung.steps[clear].title] is status


def test_an_attempt_that_has_made_the_site_serve_goes_on(plan: Plan) -> None:
    hands = Hands(says=on_paper("{site}"))
    steps = carry_out(find_runbook("site-lost", plan), hands)
    assert dict(steps)["Remove what an earlier attempt has left in this site"] is StepStatus.SKIPPED


def test_a_lost_site_that_cannot_be_stopped_is_fenced_all_the_same(plan: Plan) -> None:
    hands = Hands("docker stop", says="true")
    carry_out(find_runbook("site-lost", plan), hands)
    assert hands.place("docker stop") < hands.place("activate-site") < hands.place("point-to")


def test_a_failback_lets_nobody_write_and_has_all_of_the_log_before_it_begins(plan: Plan) -> None:
    hands = Hands()
    carry_out(find_runbook("failback", plan), hands)
    stopped = "{edge elsewhere}", "flush_lsn", "{dashboard elsewhere} {postgres elsewhere}", "handed-over"
    order = [hands.place(word) for word in (*stopped, "activate-site", "restore", "point-to", "standby")]
    assert order == sorted(order)


@pytest.mark.parametrize("name", ["site-lost", "failback"])
@pytest.mark.parametrize("fails", ["activate-site", "restore", "compose up", "curl"])
def test_where_a_step_fails_the_name_does_not_move(plan: Plan, name: str, fails: str) -> None:
    hands = Hands(fails)
    carry_out(quick(find_runbook(name, plan)), hands, holds=False)
    assert not any("point-to" in command for command in hands.done)


@pytest.mark.parametrize("fails", ["{edge elsewhere}", "flush_lsn", "{dashboard elsewhere}", "handed-over"])
def test_a_site_whose_log_is_not_in_the_vault_is_not_left(plan: Plan, fails: str) -> None:
    hands = Hands(fails)
    carry_out(quick(find_runbook("failback", plan)), hands, holds=False)
    assert not any("activate-site" in command for command in hands.done)


@pytest.mark.parametrize("fails", ["curl", "point-to", "nothing"])
def test_the_site_that_serves_is_not_removed_while_the_other_one_is_not_as_it_should_be(
    plan: Plan, fails: str
) -> None:
    hands = Hands(fails)
    steps = carry_out(quick(find_runbook("failback", plan)), hands, holds=False)
    assert not any("standby" in command for command in hands.done)
    assert steps[-1] == ("Have the other site stand by again", StepStatus.NOT_REACHED)


def test_the_site_that_served_is_not_removed_once_the_other_one_does_no_longer(plan: Plan) -> None:
    hands = Hands("curl")
    steps = carry_out(quick(find_runbook("failback", plan)), hands)
    assert not any("standby" in command for command in hands.done)
    assert steps[-1] == ("Have the other site stand by again", StepStatus.SKIPPED)


def test_only_the_failover_is_carried_out_elsewhere(plan: Plan) -> None:
    elsewhere = [name for name in ALL_NAMES if find_runbook(name, plan).elsewhere]
    assert elsewhere == [scenario_5.NAME]
    assert {find_runbook(name, plan).validates or name for name in ALL_NAMES} == set(NAMES)


def test_commands_name_the_other_site(plan: Plan) -> None:
    assert first_service("docker exec {postgres elsewhere} psql") == ("postgres", True)
    assert first_service("docker exec {dns} activate-site {site}") == ("dns", False)
    assert on_paper("docker stop {edge elsewhere}") == "docker stop other-site's-edge"
    assert on_paper("dr stack standby --stack {stack} --site {site elsewhere}") == (
        "dr stack standby --stack STACK --site OTHER-SITE"
    )
    assert on_paper("point-to {edge address}") == "point-to edge's-address"


@contextmanager
def serving(address: str, ttl: int) -> Iterator[NameServer]:
    """A name server that says so."""
    with NameServer(address, ttl) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Where:
    """A site whose edge is at an address, and the name server of all; nothing else of a stack is asked for."""

    site, name = "b", NAME

    def __init__(self, server: NameServer) -> None:
        self._server = server

    def address(self, service: str, port: int, protocol: str = "tcp") -> tuple[str, int]:
        return ("127.0.0.2", 80) if service == "edge" else ("127.0.0.1", self._server.server_address[1])


class Nothing(Where):
    """A site of which nothing came up."""

    def address(self, service: str, port: int, protocol: str = "tcp") -> tuple[str, int]:
        if service != "dns":
            raise LookupError(f"the stack has no container of the service {service}")
        return super().address(service, port, protocol)

    def dsn(self) -> str:
        raise LookupError("the stack has no container of the service postgres")


def boxes(plan: Plan, server: NameServer, timeout_s: float = 3.0) -> SiteBoxes:
    settings = plan.drill.model_copy(update={"request_timeout": timedelta(seconds=timeout_s)})
    return SiteBoxes(cast("Stack", Where(server)), cast("Client", None), None, settings)


@pytest.mark.parametrize(
    ("address", "ttl", "holds", "said"),
    [
        ("127.0.0.2", 5, True, "is 127.0.0.2 for 5 s; site b is 127.0.0.2"),
        ("127.0.0.1", 5, False, "is 127.0.0.1 for 5 s; site b is 127.0.0.2"),
        ("127.0.0.2", 3600, False, "for 3600 s"),
    ],
)
def test_the_name_must_give_the_new_site_and_not_for_long(
    plan: Plan, address: str, ttl: int, holds: bool, said: str
) -> None:
    with serving(address, ttl) as server:
        found = boxes(plan, server).named()
    assert (found.holds, said in found.evidence) == (holds, True), found.evidence


def test_a_name_server_that_is_silent_or_does_not_know_the_name_is_no_update(plan: Plan) -> None:
    with serving("127.0.0.2", 5) as server:
        server.silent = True
        assert boxes(plan, server, timeout_s=0.2).named().holds is False


def test_a_site_of_which_nothing_came_up_holds_no_box(plan: Plan) -> None:
    with serving("127.0.0.1", 5) as server:
        examine = SiteBoxes(cast("Stack", Nothing(server)), cast("Client", None), None, plan.drill).examiners
        found = {box: examine[box]() for box in ("dns-updated", "clients-reach-api", "data-consistent")}
    assert {box: each.holds for box, each in found.items()} == dict.fromkeys(found, False)
    assert found["dns-updated"].evidence == f"{NAME} is 127.0.0.1; site b has no way in"
