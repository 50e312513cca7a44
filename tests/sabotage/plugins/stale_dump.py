"""The newest dump is three days old."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

SCRIPT = """
for path in dumps():
    said = json.loads(manifest(path).read_text())
    for key in ("started_utc", "finished_utc"):
        when = datetime.datetime.fromisoformat(said[key]) - datetime.timedelta(days=3)
        said[key] = when.isoformat().replace("+00:00", "Z")
    manifest(path).write_text(json.dumps(said))
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "verifying":
        spoil(drill.stack, SCRIPT)
