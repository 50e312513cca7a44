"""The three-valued verdict: PASS, FAIL, or INVALID when a drill proved nothing (Jepsen's ``unknown``)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """How a promise fared. INVALID: nothing was proved either way; it fails a run like FAIL does."""

    PASS = "PASS"
    FAIL = "FAIL"
    INVALID = "INVALID"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL if any is FAIL, else INVALID if any is INVALID; INVALID too when there are none at all."""
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    if Verdict.INVALID in seen or not seen:
        return Verdict.INVALID
    return Verdict.PASS
