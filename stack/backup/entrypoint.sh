#!/bin/sh
# cron starts its jobs with an empty environment: the connection goes where libpq looks by itself. A colon or a backslash in
# a password is escaped, as that file's format wants it.
set -eu
umask 077
password=$(printf '%s' "$PGPASSWORD" | sed 's/[\\:]/\\&/g')
printf '%s:5432:*:%s:%s\n' "$PGHOST" "$PGUSER" "$password" >/root/.pgpass
exec "$@"
