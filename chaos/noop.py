"""Control: a fault that does nothing.

::

    inject: nothing ──▶ effective: says so at once ──▶ heal: nothing ──▶ healed: at once

It claims to be in effect, so that only the observer's evidence can tell that it was not: a drill that passes
with it cannot fail.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from chaos.base import StackFault


@dataclass
class Noop(StackFault):
    """Does nothing to ``service``."""

    name: ClassVar[str] = "noop"

    def describe(self) -> str:
        """One sentence for the report."""
        return f"Nothing is done to {self.service} (control)."

    def inject(self) -> None:
        """Nothing."""

    def wait_effective(self, timeout_s: float) -> float:
        """Now."""
        return time.monotonic()

    def heal(self) -> None:
        """Nothing."""

    def wait_healed(self, timeout_s: float) -> None:
        """Nothing to wait for."""
