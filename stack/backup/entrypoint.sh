#!/bin/sh
# cron starts its jobs with an empty environment: what the container was given is kept for them, readable by root alone.
set -eu
umask 077
export -p | grep -E '^export (PG[A-Z]+|REDIS_URL|DRBACKUP_[A-Z_]+|PATH|LANG|PYTHON[A-Z]+)=' >/run/drbackup.env
# A schedule of a test, beside the plan's: "* * * * *" has a backup made every minute.
rm -f /etc/cron.d/drp-test
if [ -n "${DRBACKUP_TEST_SCHEDULE:-}" ]; then
    echo "$DRBACKUP_TEST_SCHEDULE root /usr/local/bin/backup_database.sh >>/proc/1/fd/1 2>&1" >/etc/cron.d/drp-test
fi
if [ "${1:-}" = cron ]; then
    drbackup metrics &
fi
exec "$@"
