# shellcheck shell=bash
# Long steps: each runs in a session of its own, with a log, a sign of life every few seconds, and an end that is certain.
#
# A step NAME is the function step_NAME (dashes as underscores). It runs in a fresh `scripts/setup --step NAME`, so that it has
# no terminal to wait for and one process group to stop.

HEARTBEAT_MS=4000
declare -A step_pid=() step_began=() step_beat=()

# open_run: one set-up at a time in this checkout; everything temporary lives in RUN_DIR.
open_run() {
    mkdir -p "$BUILD/logs" || fail "$BUILD cannot be written" "give this user the checkout, or run as its owner"
    exec 9>"$BUILD/setup.lock"
    if ! flock -n 9; then
        say "set-up: another set-up runs in this checkout, waiting for it"
        flock -w 900 9 || fail "another set-up has held $BUILD/setup.lock for 15 minutes" "end it, then try again"
    fi
    # A killed run could not tidy up; the lock says that none is alive.
    rm -rf --one-file-system "$BUILD"/run.*
    RUN_DIR=$(mktemp -d "$BUILD/run.XXXXXX")
    export RUN_DIR
    trap 'close_run' EXIT
    trap 'say "set-up: interrupted" >&2; exit 130' INT TERM HUP
}

close_run() {
    local name
    trap '' INT TERM HUP
    for name in "${!step_pid[@]}"; do stop_step "$name"; done
    rm -rf --one-file-system "$RUN_DIR"
}

start() {
    local name=$1
    say "$(printf '%-14s%s' "$name" "$2")"
    step_began[$name]=$(now_ms)
    step_beat[$name]=${step_began[$name]}
    setsid "$ROOT/scripts/setup" --step "$name" >"$BUILD/logs/$name.log" 2>&1 </dev/null 9>&- &
    step_pid[$name]=$!
}

# run NAME TITLE: start it and wait; the others go on meanwhile.
run() {
    start "$@"
    while [[ -n ${step_pid[$1]:-} ]]; do tend; done
}

await_all() {
    while ((${#step_pid[@]})); do tend; done
}

# tend: look after every running step once. A failed one ends the set-up.
tend() {
    local name
    for name in "${!step_pid[@]}"; do
        if kill -0 "${step_pid[$name]}" 2>/dev/null; then
            beat "$name"
        elif wait "${step_pid[$name]}"; then
            unset "step_pid[$name]"
            say "$(printf '%-14sdone in %s s' "$name" "$(seconds_since "${step_began[$name]}")")"
        else
            unset "step_pid[$name]"
            report_failure "$name"
        fi
    done
    sleep 0.1
}

beat() {
    local name=$1 now last
    now=$(now_ms)
    ((now - step_beat[$name] >= HEARTBEAT_MS)) || return 0
    step_beat[$name]=$now
    last=$(tail -c 2000 "$BUILD/logs/$name.log" | tr '\r' '\n' | tr -cd '[:print:]\n' | grep -v '^ *$' | tail -n 1 || true)
    say "$(printf '%-14s… %d s  %.80s' "$name" $(((now - step_began[$name]) / 1000)) "$last")"
}

report_failure() {
    local name=$1 log=$BUILD/logs/$1.log error=$RUN_DIR/$1.error what remedy
    say "$(printf '%-14sfailed after %s s; the end of %s:' "$name" "$(seconds_since "${step_began[$name]}")" "${log#"$ROOT"/}")" >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    if [[ -s $error ]]; then
        { read -r what && read -r remedy; } <"$error"
    else
        { read -r what && read -r remedy; } < <(explain_log "$log") || {
            what="step $name failed"
            remedy="read ${log#"$ROOT"/}, mend the cause, then try again"
        }
    fi
    fail "$what" "$remedy"
}

# stop_step NAME: its whole process group, politely first: apt and mmdebstrap tidy up when asked to.
stop_step() {
    local pid=${step_pid[$1]} tries
    kill -TERM -- "-$pid" 2>/dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 -- "-$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    unset "step_pid[$1]"
}

# run_as_step NAME: what the fresh process does.
run_as_step() {
    STEP_ERROR_FILE=$RUN_DIR/$1.error
    trap 'exit 143' TERM
    "step_${1//-/_}"
}
