"""Programs that stand in for real ones, which a fast test does not have, or which must not do what they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str = "#!/bin/sh\n") -> Path:
    """A program of that name, found before the real one while the test lasts; it may be written anew.

    :param folder: of the test's own.
    """
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    return path
