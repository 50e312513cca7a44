"""The RDB is copied as the plan's letter has it, before its BGSAVE has ended: it is of the save before."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

KEEP_SCRIPT = """
subprocess.run(["redis-cli", "-u", os.environ["REDIS_URL"], "--rdb", "/tmp/before.rdb"], check=True)
"""

COPY_SCRIPT = """
newest_rdb = sorted((root / "redis").glob("*.rdb"))[-1]
before = pathlib.Path("/tmp/before.rdb")
newest_rdb.write_bytes(before.read_bytes())
before.unlink()
said = json.loads(manifest(newest_rdb).read_text())
said["bytes"] = newest_rdb.stat().st_size
said["sha256"] = hashlib.sha256(newest_rdb.read_bytes()).hexdigest()
manifest(newest_rdb).write_text(json.dumps(said))
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "keys that the RDB must hold":
        spoil(drill.stack, KEEP_SCRIPT)
    elif phase == "backed up":
        spoil(drill.stack, COPY_SCRIPT)
