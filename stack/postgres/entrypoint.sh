#!/bin/bash
# Follows the official image's conventions (POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA,
# *.sql in /docker-entrypoint-initdb.d on an empty volume), so that `postgres:17` can stand in this image's place.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
# The cluster is made here and moved up when it is complete: a container killed while the data was being seeded must
# not come back with half of it and call itself ready.
growing=$PGDATA/.growing

# Which of two sites serves, where there are two: whoever moves the service writes it down there first.
witness=${WITNESS:-/witness/active-site}

run_sql() { psql -q -X -v ON_ERROR_STOP=1 --username="$user" "$@" >/dev/null; }

make_cluster() {
    local extra=() script
    read -ra extra <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb --pgdata="$growing" --no-sync --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        --data-checksums --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
        "${extra[@]}" >/dev/null
    # For whoever gives settings one by one instead of our config_file.
    cp /etc/postgresql/pg_hba.conf "$growing/pg_hba.conf"
    # Nobody can have been promised anything yet, so nothing is synced, logged for replay or archived while the data is
    # loaded; one sync at the end covers it all. Reachable by socket alone: a health check over TCP must not see it.
    pg_ctl --pgdata="$growing" --wait --silent start -o "-c listen_addresses='' -c fsync=off \
        -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c archive_mode=off -c autovacuum=off \
        -c max_wal_size=4GB -c shared_buffers=128MB -c maintenance_work_mem=128MB"
    [ "$database" = postgres ] || run_sql --dbname=postgres -c "CREATE DATABASE \"$database\""
    for script in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$script" ] || continue
        echo "entrypoint: $script"
        run_sql --dbname="$database" -f "$script"
    done
    pg_ctl --pgdata="$growing" --wait --silent --mode=fast stop
}

move_up() {
    # PG_VERSION last: it is what says that there is a cluster.
    local entry
    for entry in "$growing"/*; do
        [ "${entry##*/}" = PG_VERSION ] || mv -T "$entry" "$PGDATA/${entry##*/}"
    done
    sync -f "$PGDATA"
    mv -T "$growing/PG_VERSION" "$PGDATA/PG_VERSION"
    rmdir "$growing"
    sync -f "$PGDATA"
}

# A site that was given up may come back with all its data, by itself, and knows nothing of what happened since. Were it to
# take writes, there would be two truths. A witness that cannot be read is no permission.
refuse_unless_active() {
    local active
    [ -e "$witness" ] || return 0
    active=$(cat "$witness") || active="which cannot be read"
    [ "$active" != "${SITE:-a}" ] || return 0
    echo "entrypoint: refused to start: the site that serves is ${active:-unnamed}, and this is site ${SITE:-a}" >&2
    exit 1
}

make_cluster_unless_there() {
    [ ! -s "$PGDATA/PG_VERSION" ] || return 0
    if [ -n "${POSTGRES_RESTORED:-}" ]; then
        echo "entrypoint: $PGDATA holds no cluster, where a restored one was expected: none is made" >&2
        exit 1
    fi
    : "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be set: the password of the superuser to be}"
    if ! [ -r /docker-entrypoint-initdb.d ] || ! [ -x /docker-entrypoint-initdb.d ]; then
        echo "entrypoint: /docker-entrypoint-initdb.d cannot be read by the user postgres: mend its mode" >&2
        exit 1
    fi
    if [ -n "$(ls -A "$PGDATA")" ] && [ ! -d "$growing" ]; then
        echo "entrypoint: $PGDATA is neither empty nor a cluster: left alone" >&2
        exit 1
    fi
    # What a killed start left behind, here or already moved up, is of no use to anybody.
    find "$PGDATA" -mindepth 1 -delete
    make_cluster
    move_up
}

[ "${1:-}" != postgres ] || refuse_unless_active
if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
    # A fresh volume belongs to root, and what was restored into it to whoever restored it.
    find "$PGDATA" ! -user postgres -exec chown -h postgres:postgres '{}' +
    chmod 0700 "$PGDATA"
    [ ! -d /wal_archive ] || chown postgres:postgres /wal_archive
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
[ "${1:-}" != postgres ] || make_cluster_unless_there
exec "$@"
