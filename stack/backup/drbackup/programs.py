"""Running the programs that do the work, so that each one's failure is told in its own words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from drbackup.errors import Cannot
from drbackup.settings import Settings

CONNECT_TIMEOUT_S = 5


def libpq(settings: Settings) -> dict[str, str]:
    """The environment of a program of PostgreSQL: whom to ask, and for how long."""
    return {
        **os.environ,
        "PGHOST": settings.host,
        "PGUSER": settings.user,
        "PGPASSWORD": settings.password,
        "PGDATABASE": settings.database,
        "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S),
        "PGAPPNAME": "drbackup",
        "PGTZ": "UTC",
    }


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run a program and return what it printed.

    :raises Cannot: when it fails, takes longer than ``timeout_s`` or is not there, with the last that it said.
    """
    try:
        done = subprocess.run(
            argv,
            env=environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Cannot(f"{argv[0]} took longer than {timeout_s:g} s") from None
    except FileNotFoundError:
        raise Cannot(f"the program {argv[0]} is not installed") from None
    if done.returncode != 0:
        raise Cannot(f"{argv[0]} failed ({done.returncode}): {last_words(done.stderr or done.stdout)}")
    return done.stdout


def last_words(output: str) -> str:
    """The last two lines of what a program said: the error, and mostly its detail."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-2:]) or "it said nothing"
