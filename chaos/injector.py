"""The one way to break something: guarded, journalled first, healed on every path out.

::

    with Injector(stack, contexts, watchdog) as injector:
        t0 = injector.inject(fault, timeout_s)      guard → prepare → journal → inject → in effect
        ...
        problems = injector.heal()                  or when the block ends, in whichever way
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from chaos import guard
from chaos.fault import Fault
from chaos.healing import TIMEOUT_S, Outcome, heal_all
from chaos.journal import Journal
from chaos.signals import deferred, ending_interrupts
from chaos.watchdog import Watchdog
from stack.stack import Stack


class HealFailed(Exception):
    """A fault could not be undone: its traces are still there."""


class Injector:
    """Injects faults into ``stack`` and answers for their end.

    :param allowed_contexts: the Docker contexts that the plan names (``[drill] docker_contexts``).
    :param watchdog: heals should this process die; nothing is injected once it has gone.
    :param healed_timeout_s: seconds for each fault to be healed without a trace.
    """

    def __init__(
        self,
        stack: Stack,
        allowed_contexts: Collection[str],
        watchdog: Watchdog,
        healed_timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._stack = stack
        self._allowed = allowed_contexts
        self._watchdog = watchdog
        self._timeout_s = healed_timeout_s
        self._journal = Journal(stack.run_dir)
        self._active: dict[str, Fault] = {}
        self._exits = ExitStack()

    @property
    def active(self) -> list[Fault]:
        """The faults that are not healed yet, in the order of their injection."""
        return list(self._active.values())

    def __enter__(self) -> Self:
        self._exits.enter_context(ending_interrupts())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            problems = self.heal()
        finally:
            self._exits.close()
        if not problems:
            return
        if error is None:
            raise HealFailed("; ".join(problems))
        for problem in problems:
            error.add_note(problem)

    def inject(self, fault: Fault, effect_timeout_s: float) -> float:
        """Inject ``fault`` and wait until it is in effect.

        :returns: the monotonic time, in seconds, at which it was first seen to be in effect.
        :raises chaos.guard.GuardRefused: when it would touch what is not this drill's; nothing was done.
        :raises chaos.watchdog.WatchdogGone: when nobody would heal it after us; nothing was done.
        :raises stack.wait.NotReached: when it had no effect in time.
        """
        guard.check(self._stack, fault, self._allowed)
        self._watchdog.check()
        fault.prepare()
        key = self._journal.begin(self._stack, fault)
        self._active[key] = fault
        fault.inject()
        effective = fault.wait_effective(effect_timeout_s)
        self._journal.injected(key)
        return effective

    def heal(self) -> list[str]:
        """Undo every active fault, the last one first; Ctrl-C waits until that is done.

        :returns: a sentence for each fault that could not be healed, which stays active.
        """
        if not self._active:
            return []
        outcome = Outcome()
        try:
            with deferred():
                done, outcome = heal_all(
                    self._stack.run_dir, list(reversed(self._active.items())), self._timeout_s
                )
                for key in done:
                    del self._active[key]
        except KeyboardInterrupt as held_back:
            for problem in outcome.problems:
                held_back.add_note(problem)
            raise
        return outcome.problems
