"""What may be shown of a text from outside: no secrets, no terminal codes, no control characters.

Used when a step is recorded, and once more when a report is made of the record: a text has to pass both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

MASK = "***"

_TERMINAL_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
# As text, or as it stands in HTML.
_QUOTE = r"""(?:["']|&quot;|&\#x27;|&\#39;)?"""

# Bounded, so that a long line of hyphenated words costs no more than its length.
_SECRET_NAME = (
    r"[\w-]{0,40}(?:api[_-]?key|passw(?:or)?d|secret|access[_-]?key|auth[_-]?token|private[_-]?key|REDISCLI_AUTH)"
    r"[\w-]{0,40}"
)
_PATTERNS = (
    # X-API-Key: …, "password": "…", PGPASSWORD=…
    re.compile(
        rf"""(?P<keep>\b{_SECRET_NAME}{_QUOTE}\s*[:=]\s*{_QUOTE})(?P<secret>[^\s"',;&]+)""", re.IGNORECASE
    ),
    re.compile(r"(?P<keep>\b(?:requirepass|masterauth)\s+|--pass(?:word)?\s+)(?P<secret>\S+)", re.IGNORECASE),
    re.compile(
        rf"""(?P<keep>\bAuthorization{_QUOTE}\s*[:=]\s*{_QUOTE}(?:Bearer\s+|Basic\s+)?|\bBearer\s+(?=\S{{16}}))"""
        r"""(?P<secret>[^\s"',;&]+)""",
        re.IGNORECASE,
    ),
    # postgresql://user:password@host
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]{0,40}://[^\s:/@]*:)(?P<secret>[^\s/@]+)(?=@)", re.IGNORECASE),
    re.compile(r"(?P<keep>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>.*?)(?=-----END|\Z)", re.DOTALL),
)


class Redactor:
    """Makes texts presentable.

    :param secrets: values that are masked wherever they stand, beside what looks like a secret by its name.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, or a secret that contains another would be left in part.
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """``text`` without secrets, terminal codes and control characters (but line ends and tabs)."""
        clean = _TERMINAL_CODES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", clean)
        if self._known:
            clean = self._known.sub(MASK, clean)
        for pattern in _PATTERNS:
            clean = pattern.sub(rf"\g<keep>{MASK}", clean)
        return clean

    def data(self, data: Any) -> Any:
        """The same for every string in JSON-like ``data``; keys stay as they are."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {key: self.data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.data(value) for value in data]
        return data

    def model(self, model: BaseModel) -> Any:
        """The same for a pydantic model: a new one of the same type."""
        return type(model).model_validate(self.data(model.model_dump(by_alias=True)))
