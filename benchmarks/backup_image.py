"""Runs a benchmark's inner part in a container of the backup image: that is where PostgreSQL is."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = os.environ.get("DRILL_BACKUP_IMAGE", "dr-drill/backup:latest")


def run_inside(script: Path, *arguments: str) -> int:
    """Run ``script`` with this tree's ``drbackup``; the container, and all that it wrote, is gone afterwards.

    :returns: its exit status.
    """
    name = f"dr-bench-{script.parent.name}-{secrets.token_hex(3)}"
    mounts = {
        ROOT / "benchmarks": "/work/benchmarks",
        ROOT / "stack" / "backup" / "drbackup": "/work/drbackup",
    }
    command = ["docker", "run", "--rm", "--init", f"--name={name}", "--network=none", "--shm-size=1g"]
    command += [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    command += ["--env=PYTHONPATH=/work", "--entrypoint=python3", IMAGE]
    inner = f"benchmarks.{script.parent.name}.{script.stem}"
    try:
        return subprocess.run([*command, "-m", inner, *arguments], check=False).returncode
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)
