"""How a runbook's commands name what they act on: by placeholders, filled in on a stack or on paper.

``{dashboard}`` is that service's container, ``{dashboard image}`` the image it is released as, ``{edge url}``
and ``{edge address}`` where it is published; ``{dashboard elsewhere}`` is the other site's container.
``{stack}`` is the folder of the run whose stack it is, ``{site}`` its site, ``{site elsewhere}`` the other one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PLACEHOLDER = re.compile(r"\{([a-z][a-z-]*)(?: (image|url|address|elsewhere))?\}")


def fill_in(command: str, name: Callable[[str, str | None], str]) -> str:
    """The command with each placeholder replaced by ``name(service, kind)``; kind is the second word, or None."""
    return _PLACEHOLDER.sub(lambda match: name(match[1], match[2]), command)


def on_paper(command: str) -> str:
    """The command as it stands in a runbook that is only read."""

    def name(service: str, kind: str | None) -> str:
        if kind == "image":
            return f"$DRILL_{service.upper().replace('-', '_')}_IMAGE"
        if kind == "elsewhere":
            return f"other-site's-{service}"
        return {"url": f"http://{service}", "address": f"{service}'s-address"}.get(kind or "", service)

    return fill_in(command, name)


def first_service(command: str) -> tuple[str, bool]:
    """The service that the command names first, and whether it is the other site's.

    :raises ValueError: when it names none.
    """
    found = _PLACEHOLDER.search(command)
    if found is None:
        raise ValueError(f"a runbook must name the container as {{service}}: {command}")
    return found[1], found[2] == "elsewhere"
