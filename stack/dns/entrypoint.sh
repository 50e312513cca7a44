#!/bin/sh
set -eu
# A server that is restarted, or made anew, must not point back at a site that was left.
[ -e /witness/dashboard.hosts ] || point-to "${DRILL_DNS_ADDRESS:-127.0.0.1}"
exec "$@"
