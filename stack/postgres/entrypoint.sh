#!/bin/bash
# Follows the official image's conventions (POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
# /docker-entrypoint-initdb.d), so that `postgres:17` can stand in this image's place.
set -euo pipefail

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

initialise() {
    local user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-postgres}
    # Syncing page by page while the cluster is made only costs time: one sync at the end covers it all, and a
    # crash before that leaves no PG_VERSION-complete cluster that anybody has written to.
    local password_file
    password_file=$(as_postgres mktemp)
    printf '%s' "$POSTGRES_PASSWORD" >"$password_file"
    as_postgres initdb --no-sync --username="$user" --pwfile="$password_file" \
        --auth-local=trust --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    rm "$password_file"
    printf 'host all all all scram-sha-256\nhost replication all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    as_postgres pg_ctl -w -s start -o "-c listen_addresses='' -c fsync=off -c archive_mode=off"
    if [ "$database" != postgres ]; then
        as_postgres psql -q -v ON_ERROR_STOP=1 -U "$user" -d postgres -c "CREATE DATABASE \"$database\""
    fi
    local script
    for script in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$script" ] || continue
        as_postgres psql -q -v ON_ERROR_STOP=1 -U "$user" -d "$database" -f "$script"
    done
    as_postgres pg_ctl -w -s -m fast stop
    sync -f "$PGDATA"
}

if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$PGDATA"
    chmod 0700 "$PGDATA"
    [ ! -d /wal_archive ] || chown postgres:postgres /wal_archive
    [ -s "$PGDATA/PG_VERSION" ] || initialise
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
fi
exec "$@"
