"""The protocol that every fault follows.

::

    prepare() ──▶ inject() ──▶ wait_effective() ──▶ heal() ──▶ wait_healed()
    (only reads)      │         (only observes)       ▲         (only observes)
                      └── journalled before ──────────┘ idempotent; also from the journal, in another process

Modelled on CockroachDB's ``failureinjection``: a lifecycle of acts and of waits that change nothing.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Fault(Protocol):
    """Something that goes wrong on purpose, and can be undone."""

    @property
    def name(self) -> str:
        """The registry's key."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The Compose services it touches; the guard refuses it unless each is this drill's own."""

    def describe(self) -> str:
        """One sentence for the report: what is done to what."""

    def prepare(self) -> None:
        """Read from the stack what is needed to undo the fault, for the journal; changes nothing."""

    def inject(self) -> None:
        """Do the damage. Called once, after the journal entry is on disk."""

    def wait_effective(self, timeout_s: float) -> float:
        """Observe, changing nothing, until the damage is real.

        :returns: the monotonic time, in seconds, at which it was first seen to be in effect.
        :raises stack.wait.NotReached: when it had no effect in time: the drill is INVALID.
        """

    def heal(self) -> None:
        """Undo the damage. Idempotent: right before, during and after recovery, and in another process."""

    def wait_healed(self, timeout_s: float) -> None:
        """Observe, changing nothing, until no trace of the fault is left.

        :raises stack.wait.NotReached: when a trace is still there: residue.
        """

    def to_journal(self) -> dict[str, Any]:
        """All that :func:`chaos.registry.from_journal` needs to heal it in another process; JSON-safe."""
