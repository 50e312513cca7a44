#!/bin/sh
# cron starts its jobs with an empty environment: the connection goes where libpq looks by itself.
set -eu
umask 077
printf '%s:5432:*:%s:%s\n' "$PGHOST" "$PGUSER" "$PGPASSWORD" >/root/.pgpass
exec "$@"
