"""One line of a history or of a survivors file, read strictly and without haste: what the format is.

:mod:`measure.ledger_scan` reads millions of lines of the usual shape at once and leaves every other line to
    this module; what is said here holds for all lines.
"""

from __future__ import annotations

import json
import math
from enum import IntEnum
from typing import Any, NamedTuple, NoReturn


class Kind(IntEnum):
    """What a line says about its id. The order is the one in which the lines of one id are sorted."""

    INVOKE = 0
    OK = 1
    FAIL = 2
    INFO = 3
    ROW = 4


class Line(NamedTuple):
    """``t`` is in seconds, NaN for a row. ``value`` is None for a completion. The texts have no byte 0xFE."""

    kind: Kind
    id: bytes
    t: float
    value: bytes | None


class Malformed(ValueError):
    """A line that is not what the format says; the message says why."""


def history_line(text: bytes) -> Line | None:
    """One line of a history, without its newline; None for a blank one.

    :raises Malformed: no JSON object, a key twice, ``id``, ``kind`` or ``t`` missing or of the wrong type,
        a number too large for a double, an invoke without ``value``. Other keys are not looked at.
    """
    fields = _object(text)
    if fields is None:
        return None
    kind = fields.get("kind")
    if kind not in ("invoke", "ok", "fail", "info"):
        raise Malformed(f"'kind' must be one of invoke, ok, fail, info, not {_show(fields, 'kind')}")
    known = Kind[kind.upper()]
    return Line(known, _id(fields), _time(fields), _value(fields) if known is Kind.INVOKE else None)


def survivors_line(text: bytes) -> Line | None:
    """One line of a survivors file, without its newline; None for a blank one.

    :raises Malformed: no JSON object, a key twice, ``id`` missing or no string, ``value`` missing.
    """
    fields = _object(text)
    return None if fields is None else Line(Kind.ROW, _id(fields), math.nan, _value(fields))


def _object(text: bytes) -> dict[str, Any] | None:
    if not text.strip(b" \t\r"):
        return None
    try:
        fields = _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {error.reason} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise Malformed("not JSON that can be read: nested too deeply") from error
    except Malformed:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed(f"not JSON that can be read: {error}") from error
    if not isinstance(fields, dict):
        raise Malformed(f"must be a JSON object, not {_clip(json.dumps(fields))}")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"the key '{twice}' is there twice")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"not JSON: {name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Malformed(f"{_clip(text)} is too large a number")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _id(fields: dict[str, Any]) -> bytes:
    name = fields.get("id")
    if not isinstance(name, str):
        raise Malformed(f"'id' must be a string, not {_show(fields, 'id')}")
    return name.encode("utf-8", "surrogatepass")


def _time(fields: dict[str, Any]) -> float:
    t = fields.get("t")
    if isinstance(t, bool) or not isinstance(t, int | float):
        raise Malformed(f"'t' must be a number of seconds, not {_show(fields, 't')}")
    try:
        return float(t)
    except OverflowError as error:
        raise Malformed("'t' is too large a number") from error


def _value(fields: dict[str, Any]) -> bytes:
    """Bytes that are equal when two values are: the same string, or the same JSON.

    A string is itself. All else begins with a byte that is nowhere in UTF-8, so that 17 never equals "17".
    """
    if "value" not in fields:
        raise Malformed("'value' is missing")
    value = fields["value"]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return b"\xff" + json.dumps(value, sort_keys=True).encode()


def _show(fields: dict[str, Any], name: str) -> str:
    return _clip(json.dumps(fields[name])) if name in fields else "missing"


def _clip(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
