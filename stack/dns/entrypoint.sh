#!/bin/sh
set -eu
# A restarted server must not point back at a site that was left.
[ -e /run/dashboard.hosts ] || point-to "${DRILL_DNS_ADDRESS:-127.0.0.1}"
exec "$@"
