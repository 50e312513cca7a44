"""The retention is the plan's own, which counts days and nothing else, and all dumps are old."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
long_ago = time.time() - 40 * 86400
for path in dumps():
    os.utime(path, (long_ago, long_ago))
subprocess.run(["find", root / "postgresql", "-name", "minimarket_*.sql.gz", "-mtime", "+30", "-delete"], check=True)
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
