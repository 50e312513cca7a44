# shellcheck shell=bash
# What can be known before anything is changed.

DISK_NEEDED_GB=4
# Once the images are there, a drill writes little: logs and evidence.
DISK_NEEDED_LATER_GB=1
PYTHON_NEEDED=3.11

check_tools() {
    local tool missing=()
    [[ $(uname -s) == Linux ]] || fail "the drill needs Linux, this is $(uname -s)" "run it in a Linux machine with Docker"
    for tool in flock setsid timeout df find sort sed; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || fail "missing commands: ${missing[*]}" "install the packages util-linux, coreutils, findutils and sed"
}

is_root() { [[ $(id -u) == 0 ]]; }

has_apt() { command -v apt-get >/dev/null; }

# find_python: sets PYTHON to an interpreter that is new enough.
find_python() {
    local candidate found=()
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        command -v "$candidate" >/dev/null || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON=$candidate
            export PYTHON
            return
        fi
        found+=("$("$candidate" --version 2>&1 || true)")
    done
    fail "Python $PYTHON_NEEDED or newer is needed, found ${found[*]:-none}" \
        "install it (Debian 12 and newer: apt-get install python3 python3-venv), so that python3 or python3.11 is in PATH"
}

# check_disk DIRECTORY WHOSE
check_disk() {
    local dir=$1 needed=$DISK_NEEDED_GB free_kb
    if images_were_built; then needed=$DISK_NEEDED_LATER_GB; fi
    while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
    free_kb=$(df -Pk "$dir" | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/p')
    ((free_kb >= needed * 1024 * 1024)) || fail \
        "no disk space: $((free_kb / 1024)) MB are free at $dir ($2), $needed GB are needed" \
        "free some (docker system prune frees what Docker no longer uses), or move $2 to a larger disk"
}
