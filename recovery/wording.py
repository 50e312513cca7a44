"""How a runbook's commands name what they act on: by placeholders, filled in on a stack or on paper.

``{dashboard}`` is that service's container, ``{dashboard image}`` the image it is released as, ``{edge url}``
the address where it is published; ``{stack}`` is the folder of the run whose stack it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PLACEHOLDER = re.compile(r"\{([a-z][a-z-]*)(?: (image|url))?\}")


def fill_in(command: str, name: Callable[[str, str | None], str]) -> str:
    """The command with each placeholder replaced by ``name(service, kind)``; kind is image, url or None."""
    return _PLACEHOLDER.sub(lambda match: name(match[1], match[2]), command)


def on_paper(command: str) -> str:
    """The command as it stands in a runbook that is only read."""

    def name(service: str, kind: str | None) -> str:
        if kind == "image":
            return f"$DRILL_{service.upper().replace('-', '_')}_IMAGE"
        return f"http://{service}" if kind == "url" else service

    return fill_in(command, name)


def first_service(command: str) -> str:
    """The service that the command names first.

    :raises ValueError: when it names none.
    """
    found = _PLACEHOLDER.search(command)
    if found is None:
        raise ValueError(f"a runbook must name the container as {{service}}: {command}")
    return found[1]
