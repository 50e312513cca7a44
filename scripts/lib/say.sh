# shellcheck shell=bash
# What the user reads: progress, durations, and errors that come with a remedy.

say() { printf '%s\n' "$*"; }

# fail WHAT REMEDY: end with one message. Inside a step, the message is left for the process that waits for it.
fail() {
    if [[ -n ${STEP_ERROR_FILE:-} ]]; then
        printf '%s\n%s\n' "$1" "$2" >"$STEP_ERROR_FILE"
    else
        printf 'set-up: ERROR: %s\n  remedy: %s\n' "$1" "$2" >&2
    fi
    exit 1
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# seconds_since MS: seconds with one decimal.
seconds_since() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# version_at_least HAVE WANT: compares as versions; whatever follows a "-" or "+" in HAVE does not count.
version_at_least() {
    local have=${1%%[-+~]*}
    [[ $(printf '%s\n%s\n' "$2" "${have#v}" | sort -V | head -n 1) == "$2" ]]
}

# explain_log FILE: what a failed step's log says of its cause, as WHAT and REMEDY on two lines; fails when it says nothing we know.
explain_log() {
    local host
    if grep -qiE 'no space left on device|not enough free space|disk quota exceeded' "$1"; then
        printf '%s\n' "the disk is full" "free at least $DISK_NEEDED_GB GB (docker system prune frees what Docker no longer uses), then try again"
        return
    fi
    if grep -qiE "$NO_NETWORK" "$1"; then
        host=$(grep -iE "$NO_NETWORK" "$1" | grep -oE '[a-z0-9-]+(\.[a-z0-9-]+)*\.(org|com|io|net|dev)' | head -n 1 || true)
        printf '%s\n' "no network: ${host:-a package server} cannot be reached" \
            "connect the machine, or set http_proxy and https_proxy (or a mirror of apt, pip or Go) for it, then try again"
        return
    fi
    return 1
}

# As apt, pip, uv, Go, curl, Docker and mmdebstrap say it.
NO_NETWORK='temporary failure (resolving|in name resolution)|could not (resolve|connect)|failed to (fetch|resolve|connect)|no such host'
NO_NETWORK+='|name or service not known|network is unreachable|connection (timed out|refused|failed)|no route to host|i/o timeout'
NO_NETWORK+='|dns error|unable to connect|error sending request|max retries exceeded|certificate verify failed|failed to verify certificate'
