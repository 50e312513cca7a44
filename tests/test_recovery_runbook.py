"""The ladder of a runbook, carried out by hands that only pretend to act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.crash_loop import in_crash_loop
from recovery.model import BoxResult, StepResult, StepStatus
from recovery.runbook import OUTPUT_CHARS, Condition, Hands, Ran, Runbook, Rung, Step

OK, FAILED, SKIPPED, NOT_REACHED = StepStatus


@dataclass
class PretendingHands:
    """Does nothing, keeps what it was told to do, and answers as it was told to."""

    answers: dict[str, list[Ran]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def spell(self, command: str) -> str:
        return command.replace("{it}", "it-1")

    def run(self, command: str, timeout_s: float) -> Ran:
        self.done.append(command)
        answers = self.answers.get(command, [])
        return answers.pop(0) if answers else Ran(True, f"{command} done")


def step(command: str, **details: object) -> Step:
    return Step("Scenario 0, step 1", command.title(), command, "it is done", 1.0, **details)  # type: ignore[arg-type]


def a_runbook(*ladder: Rung, timeout_s: float = 0.0) -> Runbook:
    look, watch = Rung("diagnose", (step("look"),)), Rung("monitor", (step("watch"),))
    return Runbook("broken", "Scenario 0: Broken", look, ladder, watch, timeout_s)


def rung(name: str, **details: object) -> Rung:
    return Rung(name, (step(name, **details),))


def never(text: str = "it is not needed") -> Condition:
    return Condition("never", lambda _: text)


def holds_from(number: int) -> Callable[[], list[BoxResult]]:
    """A validation that holds the ``number``-th time it is asked, and from then on."""
    asked = 0

    def validate() -> list[BoxResult]:
        nonlocal asked
        asked += 1
        return [BoxResult("works", "It works", asked >= number, f"asked {asked} times")]

    return validate


def fates(steps: list[StepResult]) -> dict[str, StepStatus]:
    return {each.rung: each.status for each in steps}


def test_a_rung_that_recovers_is_the_last_that_is_climbed() -> None:
    hands = PretendingHands()
    result = a_runbook(rung("restart"), rung("rebuild"), rung("restore")).run(hands, holds_from(1))
    assert (result.recovered, result.rung) == (True, "restart")
    assert hands.done == ["look", "restart", "watch"]
    assert fates(result.steps) == {
        "diagnose": OK,
        "restart": OK,
        "rebuild": NOT_REACHED,
        "restore": NOT_REACHED,
        "monitor": OK,
    }
    unreached = [each for each in result.steps if each.status is NOT_REACHED]
    assert all(each.started is None and each.duration_s is None for each in unreached)
    assert unreached[0].note == "restart had recovered already"


def test_the_next_rung_is_climbed_when_the_validation_fails() -> None:
    hands = PretendingHands()
    result = a_runbook(rung("restart"), rung("rebuild"), rung("restore")).run(hands, holds_from(2))
    assert result.rung == "rebuild"
    assert hands.done == ["look", "restart", "rebuild", "watch"]
    assert result.boxes == [BoxResult("works", "It works", True, "asked 2 times")]


def test_a_ladder_that_ends_has_not_recovered_and_shows_what_was_wrong() -> None:
    result = a_runbook(rung("restart")).run(PretendingHands(), holds_from(99))
    assert (result.recovered, result.rung) == (False, None)
    assert result.boxes[0].holds is False


def test_the_validation_is_awaited_before_a_higher_rung_is_climbed() -> None:
    result = a_runbook(rung("restart"), rung("rebuild"), timeout_s=30).run(PretendingHands(), holds_from(3))
    assert result.rung == "restart"


def test_a_failed_verification_is_not_waited_for_again() -> None:
    hands = PretendingHands({"restart": [Ran(False, "no")]})
    validate = holds_from(3)
    result = a_runbook(rung("restart", verifies=True), rung("rebuild"), timeout_s=30).run(hands, validate)
    assert result.rung == "rebuild"
    assert fates(result.steps)["restart"] is FAILED


def test_a_failed_step_that_verifies_nothing_leaves_the_validation_its_time() -> None:
    hands = PretendingHands({"restart": [Ran(False, "no")]})
    result = a_runbook(rung("restart"), rung("rebuild"), timeout_s=30).run(hands, holds_from(3))
    assert result.rung == "restart"


def test_a_patient_step_is_tried_until_it_succeeds() -> None:
    hands = PretendingHands({"restart": [Ran(False, "not yet"), Ran(False, "not yet")]})
    result = a_runbook(rung("restart", patience_s=30)).run(hands, holds_from(1))
    assert hands.done.count("restart") == 3
    assert fates(result.steps)["restart"] is OK


def test_a_patient_step_is_given_up_when_waiting_is_in_vain() -> None:
    hands = PretendingHands({"restart": [Ran(False, "no")] * 9, "count": [Ran(True, "0"), Ran(True, "1")]})

    def in_vain(hands: Hands) -> str:
        return "" if hands.run("count", 1).output == "0" else "it died"

    result = a_runbook(rung("restart", patience_s=30, in_vain=in_vain, verifies=True), rung("rebuild")).run(
        hands, holds_from(2)
    )
    assert hands.done.count("restart") == 2
    assert (fates(result.steps)["restart"], result.steps[1].output) == (FAILED, "no\nit died")
    assert result.rung == "rebuild"


@pytest.mark.parametrize(
    ("counted", "loops"),
    [
        (Ran(True, "3\n"), True),
        (Ran(True, "12\n"), True),
        (Ran(True, "2\n"), False),
        (Ran(False, "Error: No such object: 9"), False),
        (Ran(True, "9 lives"), False),
    ],
)
def test_a_crash_loop_is_seen_by_the_engines_count(counted: Ran, loops: bool) -> None:
    command = "docker inspect --format {{.RestartCount}} {postgres}"
    why = in_crash_loop("postgres", 1)(PretendingHands({command: [counted]}))
    assert ("crash loop" in why) is loops


def test_what_was_printed_may_be_wrong_although_the_command_succeeded() -> None:
    wrong = rung("restart", wrong=lambda output: f"{output} is wrong")
    result = a_runbook(wrong).run(PretendingHands(), holds_from(1))
    restarted = result.steps[1]
    assert restarted.status is FAILED
    assert restarted.output == "restart done\nrestart done is wrong"


def test_a_rung_whose_condition_does_not_hold_is_skipped_with_the_reason() -> None:
    hands = PretendingHands()
    flush = Rung("flush", (step("flush"), step("save")), when=never())
    validate = holds_from(2)
    result = a_runbook(rung("restart"), flush).run(hands, validate)
    assert not result.recovered
    assert [(each.status, each.note) for each in result.steps if each.rung == "flush"] == [
        (SKIPPED, "it is not needed")
    ] * 2
    assert "flush" not in hands.done
    assert result.boxes[0].evidence == "asked 1 times"


def test_a_skipped_step_does_not_keep_the_others_of_its_rung_from_being_done() -> None:
    hands = PretendingHands()
    rebuild = Rung("rebuild", (step("pull", when=never("there is no registry")), step("recreate")))
    result = a_runbook(rebuild).run(hands, holds_from(1))
    assert hands.done == ["look", "recreate", "watch"]
    assert [each.status for each in result.steps] == [OK, SKIPPED, OK, OK]


@pytest.mark.parametrize(("holds_at", "fate"), [(1, OK), (2, NOT_REACHED)])
def test_what_would_do_harm_without_a_recovery_is_not_done_then(holds_at: int, fate: StepStatus) -> None:
    hands = PretendingHands()
    removal = Rung("monitor", (step("watch"), step("remove", only_recovered=True), step("tell")))
    result = replace(a_runbook(rung("restart")), monitor=removal).run(hands, holds_from(holds_at))
    assert [each.status for each in result.steps[2:]] == [OK, fate, OK]
    assert ("remove" in hands.done) is result.recovered


def test_a_condition_is_asked_when_its_rung_is_reached_and_not_before() -> None:
    hands = PretendingHands()

    def why_not(by: PretendingHands) -> str:
        assert "restart" in by.done
        return ""

    flush = Rung("flush", (step("flush"),), when=Condition("later", why_not))  # type: ignore[arg-type]
    assert a_runbook(rung("restart"), flush).run(hands, holds_from(2)).rung == "flush"


def test_every_step_is_told_at_once_in_order_and_as_it_was_spelled() -> None:
    told: list[StepResult] = []
    begun: list[str] = []
    result = a_runbook(rung("restart {it}"), rung("rebuild")).run(
        PretendingHands(), holds_from(1), told.append, begun.append
    )
    assert told == result.steps
    assert told[1].command == "restart it-1"
    assert begun == [
        "diagnose: Look",
        "restart {it}: Restart {It}",
        "restart {it}: validation",
        "monitor: Watch",
    ]


def test_of_a_long_output_the_end_is_kept() -> None:
    hands = PretendingHands({"restart": [Ran(True, "x" * OUTPUT_CHARS + "end")]})
    result = a_runbook(rung("restart")).run(hands, holds_from(1))
    assert len(result.steps[1].output) == OUTPUT_CHARS
    assert result.steps[1].output.endswith("end")


def test_a_box_that_could_not_be_examined_is_no_recovery() -> None:
    unknown = [BoxResult("works", "It works", None, "nobody knows")]
    assert not a_runbook(rung("restart")).run(PretendingHands(), lambda: unknown).recovered


def test_a_validation_that_is_broken_is_not_taken_for_one_that_fails() -> None:
    def broken() -> list[BoxResult]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        a_runbook(rung("restart")).run(PretendingHands(), broken)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=6),
)
def test_any_ladder(rungs: list[tuple[bool, bool, bool]]) -> None:
    """For each rung: whether its condition holds, its step succeeds, the validation holds after it."""
    ladder = [
        Rung(str(number), (step(str(number), verifies=True),), when=None if wanted else never())
        for number, (wanted, _, _) in enumerate(rungs)
    ]
    hands = PretendingHands(
        {str(number): [Ran(succeeds, "")] for number, (_, succeeds, _) in enumerate(rungs)}
    )
    outcomes: Iterator[bool] = iter([recovers for wanted, _, recovers in rungs if wanted])

    def validate() -> list[BoxResult]:
        return [BoxResult("works", "It works", next(outcomes), "")]

    result = a_runbook(*ladder).run(hands, validate)
    recovering = next((n for n, (wanted, _, recovers) in enumerate(rungs) if wanted and recovers), None)
    assert result.rung == (None if recovering is None else str(recovering))
    for number, (wanted, succeeds, _) in enumerate(rungs):
        expected = (
            NOT_REACHED
            if recovering is not None and number > recovering
            else SKIPPED
            if not wanted
            else OK
            if succeeds
            else FAILED
        )
        assert fates(result.steps)[str(number)] is expected
    assert result.steps[-1].rung == "monitor"
    assert result.started <= result.finished


def test_after_an_essential_step_that_failed_nothing_more_of_the_rung_is_done() -> None:
    move = Rung("move", (step("stop", essential=True), step("wait", essential=True), step("go")))
    hands = PretendingHands({"wait": [Ran(False, "no")]})
    told: list[StepResult] = []
    result = a_runbook(move, timeout_s=60).run(hands, holds_from(2), on_step=told.append)
    assert hands.done == ["look", "stop", "wait", "watch"]
    assert [(each.title, each.status) for each in told if each.rung == "move"] == [
        ("Stop", OK),
        ("Wait", FAILED),
        ("Go", NOT_REACHED),
    ]
    assert told[3].note == "not done: 'Wait' has failed"
    assert not result.recovered, "what cannot hold any more is not waited for"
