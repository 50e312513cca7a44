"""Reading ``drp.toml``, and saying what is wrong with it: file, key, what was found, what was expected."""

from __future__ import annotations

import hashlib
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plan.errors import UserError
from plan.model import Plan


class PlanError(UserError):
    """A plan that cannot be used as it stands."""


def load_plan(path: Path) -> Plan:
    """The plan in ``path``.

    :raises PlanError: with everything that is wrong with the file, a line each.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(
            f"the plan {path} cannot be read: {error.strerror}", "name the plan with --plan FILE"
        ) from error
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"the plan {path} is not TOML: {error}", "mend the line it names") from error
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        lines = "\n".join(f"  {_explain(detail)}" for detail in error.errors(include_url=False))
        raise PlanError(f"the plan {path} is not right:\n{lines}", "mend these keys") from error
    return plan.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})


def _explain(detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"{key}: it is missing"
    if detail["type"] == "extra_forbidden":
        siblings = _keys_beside(detail["loc"])
        guess = get_close_matches(str(detail["loc"][-1]), siblings, n=1)
        hint = f"; did you mean {guess[0]!r}?" if guess else f"; known here: {', '.join(sorted(siblings))}"
        return f"{key}: the plan has no such key{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    if not key:
        return message
    found = detail["input"]
    # Our own messages say what was found where it helps.
    told = detail["type"] == "value_error" or isinstance(found, (dict, list))
    return f"{key}: {message}" + ("" if told else f", found {found!r}")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table which holds ``location`` may have."""
    model: Any = Plan
    for part in location[:-1]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = fields.get(str(part))
        else:
            model = next(
                (kind for kind in getattr(model, "__args__", ())[::-1] if kind is not Ellipsis), None
            )
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []
