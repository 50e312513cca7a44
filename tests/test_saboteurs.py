"""Each drill has somebody who tries to make it lie."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.sabotage import backups
from tests.sabotage.saboteurs import SABOTEURS

DRTESTS = Path(__file__).resolve().parent.parent / "drtests"


def test_every_drill_has_a_saboteur() -> None:
    drills = {
        node.name
        for path in DRTESTS.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert drills
    unwatched = [drill for drill in drills if not any(each.drill in drill for each in SABOTEURS)]
    assert not unwatched


# What the saboteurs have run in a container; each plugin that is named is imported.
SCRIPTS: dict[str, str] = {
    f"{name}-{key}": value
    for each in SABOTEURS
    if not each.rotten
    for name in (each.name, *(each.also or ())[:1])
    for key, value in vars(importlib.import_module(f"tests.sabotage.plugins.{name}")).items()
    if key.rpartition("_")[2] == "SCRIPT"
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_what_a_saboteur_has_run_in_a_container_is_python(script: str) -> None:
    ast.parse(backups.PRELUDE + script)
