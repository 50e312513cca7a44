#!/bin/sh
# drbackup COMMAND, for an operator and for cron alike: cron starts its jobs with an empty environment, so the container's own,
# which the entrypoint has kept, is read for whatever is not set.
set -eu
if [ -z "${PGHOST:-}" ] && [ -r /run/drbackup.env ]; then
    # shellcheck disable=SC1091
    . /run/drbackup.env
fi
PYTHONPATH=/opt/drbackup exec python3 -m drbackup "$@"
