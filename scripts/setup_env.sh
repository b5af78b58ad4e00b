#!/bin/sh
# Makes .venv and installs Tradewind into it, editable, with the extras named: scripts/setup_env.sh demo,test
# Needs Python 3.11 to 3.14 and nothing else; where the system's Python cannot make environments, uv or virtualenv.
set -eu
cd "$(dirname "$0")/.."
extras=$1
venv=${VENV:-.venv}

usable() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if usable "$name"; then
            command -v "$name"
            return
        fi
    done
    echo "Tradewind needs Python 3.11 to 3.14, and none was found; install one, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    rm -rf "$venv"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif command -v uv >/dev/null; then
        uv venv --quiet --seed --python "$python" "$venv"
    elif command -v virtualenv >/dev/null; then
        virtualenv --quiet --python "$python" "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    else
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "This Python cannot make environments (no ensurepip); as an administrator: apt install python$version-venv" >&2
        exit 1
    fi
}

usable "$venv/bin/python" || make_venv
echo "Installing Tradewind with [$extras] into $venv (the first time downloads up to 200 MB) …"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --editable ".[$extras]"
# pip would compile one file after the other. Some packages hold files for other versions of Python: those may fail.
"$venv/bin/python" -m compileall -qq -j 0 "$venv/lib" >/dev/null 2>&1 || true
