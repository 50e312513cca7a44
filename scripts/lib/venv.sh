# shellcheck shell=bash
# The virtual environment: the project, editable, with its development tools.

VENV=$ROOT/.venv
VENV_STAMP=$VENV/.dr-drill

# What the environment depends on. A moved checkout counts: scripts in an environment know their absolute path.
venv_fingerprint() {
    echo "$ROOT"
    sha256sum <"$ROOT/pyproject.toml"
}

venv_is_current() {
    [[ -e $VENV_STAMP && -x $VENV/bin/pytest && $(<"$VENV_STAMP") == "$(venv_fingerprint)" ]] && "$VENV/bin/python" -c ''
}

# Debian packs the module apart from Python. Where it cannot be installed, what is missing is said at once.
venv_needs_packages() {
    if command -v uv >/dev/null || "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then return 1; fi
    if ! is_root || ! has_apt; then
        fail "Python's venv module is missing" "install it (Debian: apt-get install python3-venv), or install uv, then try again"
    fi
}

step_venv_packages() {
    apt_install python3-venv
    "$PYTHON" -c 'import ensurepip, venv' || fail "$PYTHON has no venv module, and python3-venv did not bring it" \
        "put Debian's own python3 first in PATH, or install uv"
}

step_venv() {
    local fingerprint
    fingerprint=$(venv_fingerprint)
    if [[ $(sed -n 1p "$VENV_STAMP" 2>/dev/null) != "$ROOT" ]] || ! "$VENV/bin/python" -c ''; then
        # None, half of one, or one that was made elsewhere.
        rm -rf "$VENV"
        trap 'rm -rf "$VENV"' EXIT
    fi
    rm -f "$VENV_STAMP"
    install_project
    printf '%s\n' "$fingerprint" >"$VENV_STAMP"
    trap - EXIT
}

install_project() {
    local uv=uv
    if ! command -v uv >/dev/null; then
        [[ -x $VENV/bin/python ]] || "$PYTHON" -m venv "$VENV"
        "$VENV/bin/python" -m pip install --disable-pip-version-check --retries 1 uv && uv=$VENV/bin/uv || uv=
    elif [[ ! -x $VENV/bin/python ]]; then
        uv venv --python "$PYTHON" "$VENV"
    fi
    # uv takes seconds where pip takes a minute; a platform that has no uv still has pip.
    if [[ -n $uv ]]; then
        # Compiled once, here: every process of a drill imports it, and not every user lets Python write beside what it reads.
        "$uv" pip install --python "$VENV/bin/python" --editable "$ROOT[dev]" --compile-bytecode
    else
        "$VENV/bin/python" -m pip install --disable-pip-version-check --retries 1 --editable "$ROOT[dev]"
    fi
}
