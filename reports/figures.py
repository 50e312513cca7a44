"""Figures as people read them. The one place that decides on units and digits."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from measure.verdict import Verdict

NOT_MEASURED = "not measured"

GLYPHS = {
    Verdict.PASS: "\N{CHECK MARK}",
    Verdict.FAIL: "\N{BALLOT X}",
    Verdict.INVALID: "\N{CIRCLED DIVISION SLASH}",
}


def duration(seconds: float | None) -> str:
    """``420 ms``, ``21.43 s``, ``2 min 5.4 s``, ``15 min``, ``1 h 30 min``; words for None."""
    if seconds is None or not math.isfinite(seconds):
        return NOT_MEASURED
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds == int(seconds) and seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds, 1), 60)
        return f"{minutes:.0f} min" + (f" {rest:.3g} s" if rest else "")
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h" + (f" {rest} min" if rest else "")


def offset(seconds: float | None) -> str:
    """A moment, in seconds from T0: ``T0 + 4.21 s``; words for None."""
    if seconds is None:
        return "not seen"
    if seconds == 0:
        return "T0"
    sign = "−" if seconds < 0 else "+"
    return f"T0 {sign} {duration(abs(seconds))}"


def count(number: int | None) -> str:
    """A whole number in groups of three, as ``12 345``; words for None."""
    return NOT_MEASURED if number is None else f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


def number(value: float | None, unit: str = "") -> str:
    """A figure with three digits that count, and its unit; words for None."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    whole = value == int(value) or abs(value) >= 1000
    return f"{count(round(value)) if whole else f'{value:.3g}'} {unit}".rstrip()


def percent(share: float) -> str:
    """A share as ``2.4 %``; as many digits as it takes not to say 100 or 0 where it is not."""
    value = share * 100
    if value == int(value):
        return f"{value:.0f} %"
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f} %" if abs(value) < 10 or 99 < value < 100 else f"{value:.0f} %"


def utc(moment: datetime | None) -> str:
    """``2026-11-24 09:03:11 UTC``; words for None."""
    return "not known" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(moment: datetime | None) -> str:
    """Only the time of day of :func:`utc`, to the tenth of a second: ``09:03:11.4``."""
    if moment is None:
        return ""
    tenth = moment.astimezone(UTC)
    return f"{tenth:%H:%M:%S}.{tenth.microsecond // 100_000}"


def status(verdict: Verdict) -> str:
    """Glyph and word, so that colour is never all there is: ``✓ PASS``."""
    return f"{GLYPHS[verdict]} {verdict.value}"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 drill``, ``3 drills``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
