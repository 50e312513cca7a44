"""What every fault of the catalogue has in common: a stack, a target, and a way into the journal and back.

A fault is a dataclass. Its fields are what the journal keeps, so they are strings, numbers, booleans or None.
Fields made with :func:`saved` are read from the stack by ``prepare``; the others are the fault's settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Self

from chaos.fault import Fault
from stack.stack import Stack

Saved = str | int | float | bool | None
_SAVED = "saved"
_TRANSIENT = "transient"


def saved(default: Saved = None) -> Any:
    """A field that ``prepare`` reads from the stack, and that undoing the fault needs."""
    return field(default=default, kw_only=True, metadata={_SAVED: True})


def transient() -> Any:
    """A field of this process alone: it is neither journalled nor compared."""
    return field(default=None, init=False, compare=False, repr=False, metadata={_TRANSIENT: True})


@dataclass
class StackFault(Fault):
    """A fault of one service of a stack; see :class:`Fault` for its life."""

    name: ClassVar[str]
    stack: Stack = field(compare=False, repr=False, metadata={_TRANSIENT: True})
    service: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The Compose services it touches."""
        return (self.service,)

    def prepare(self) -> None:
        """Most faults need nothing more than their settings to be undone."""

    def to_journal(self) -> dict[str, Any]:
        """Its name, its settings and what ``prepare`` saved."""
        return {"name": self.name, **{item.name: getattr(self, item.name) for item in _kept(type(self))}}

    @classmethod
    def from_journal(cls, stack: Stack, data: Mapping[str, Any]) -> Self:
        """The fault that :meth:`to_journal` described; what this version does not know is left out."""
        return cls(stack, **{item.name: data[item.name] for item in _kept(cls) if item.name in data})

    @classmethod
    def settings(cls) -> list[str]:
        """The names of what can be set by whoever injects it, in order; ``service`` is the first."""
        return [item.name for item in _kept(cls) if not item.metadata.get(_SAVED)]


def _kept(fault: type[StackFault]) -> list[Field[Any]]:
    return [item for item in fields(fault) if not item.metadata.get(_TRANSIENT)]
