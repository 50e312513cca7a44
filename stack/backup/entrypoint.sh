#!/bin/sh
# cron starts its jobs with an empty environment: what the container was given is kept for them, readable by root alone.
set -eu
umask 077
export -p | grep -E '^export (PG[A-Z]+|REDIS_URL|DRBACKUP_[A-Z_]+|PATH|LANG|PYTHON[A-Z]+)=' >/run/drbackup.env
if [ "${1:-}" = cron ]; then
    drbackup metrics &
fi
exec "$@"
