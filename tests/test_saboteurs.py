"""Each drill has somebody who tries to make it lie."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.sabotage.saboteurs import DRAFTS, SABOTEURS

DRTESTS = Path(__file__).resolve().parent.parent / "drtests"


def test_every_drill_has_a_saboteur() -> None:
    drills = {
        node.name
        for path in DRTESTS.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert drills
    unwatched = [drill for drill in drills if not any(each.drill in drill for each in (*SABOTEURS, *DRAFTS))]
    assert not unwatched
