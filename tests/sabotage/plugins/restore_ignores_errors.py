"""The restore goes on after an error, as ``gunzip -c | psql`` does, and the dump has one that loses all sales."""

from __future__ import annotations

from fixtures.procedure import Procedure
from tests.sabotage.backups import spoil

_PSQL = "/usr/lib/postgresql/17/bin/psql"
SPOIL_SCRIPT = f"""
data = content(newest())
start = data.index(b"COPY public.sales")
first = data.index(b"\\n", start) + 1
rewrite(newest(), data[:first] + b"no sale\\n" + data[data.index(b"\\n", first) + 1 :])

psql = pathlib.Path("{_PSQL}")
psql.rename("{_PSQL}.good")
psql.write_text('''#!/bin/bash
arguments=()
for each; do
    case $each in --command=BEGIN | ON_ERROR_STOP=1) ;; -v) ;; *) arguments+=("$each") ;; esac
done
exec "$0.good" "${{arguments[@]}}"
''')
psql.chmod(0o755)
"""
MEND_SCRIPT = f"""
if os.path.exists("{_PSQL}.good"):
    os.replace("{_PSQL}.good", "{_PSQL}")
"""


def pytest_drill_phase(drill: Procedure, phase: str) -> None:
    if phase == "backed up":
        spoil(drill.stack, SPOIL_SCRIPT)
    elif phase == "stopped":
        spoil(drill.stack, MEND_SCRIPT)
