"""Durations as people write them: ``"15 min"``, ``"1 hour"``, ``"30 s"``, ``"250 ms"``, ``"immediate"``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
_TICK = timedelta(microseconds=1)
EXPECTED = 'a duration such as "15 min", "1 hour", "30 s", "250 ms", "30 days" or "immediate"'


def parse_duration(text: str) -> timedelta:
    """What ``text`` says, to the microsecond; "immediate" is zero.

    :raises ValueError: when it is not a duration.
    """
    plain = text.strip().lower()
    if plain == "immediate":
        return timedelta(0)
    # "s" is both a unit and the plural of the others: the whole word is tried before its plural is cut off.
    match = _WRITTEN.fullmatch(plain)
    if match:
        number, unit = match.groups()
        step = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if step is not None:
            try:
                return round(Decimal(number) * (step // _TICK)) * _TICK
            except OverflowError as error:
                raise ValueError(f"{text!r} is longer than any plan") from error
    raise ValueError(f"{text!r} is not {EXPECTED}")


def format_duration(value: timedelta) -> str:
    """The duration in the largest unit that gives a whole number, as ``15 min``; zero is ``immediate``."""
    if not value:
        return "immediate"
    for name, plural, step in (
        ("day", "days", timedelta(days=1)),
        ("hour", "hours", timedelta(hours=1)),
        ("min", "min", timedelta(minutes=1)),
        ("s", "s", timedelta(seconds=1)),
        ("ms", "ms", timedelta(milliseconds=1)),
    ):
        if not value % step:
            count = value // step
            return f"{count} {name if count == 1 else plural}"
    return f"{Decimal(value // _TICK) / 1000:f} ms"
