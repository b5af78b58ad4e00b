#!/bin/sh
# Makes .venv and installs Tradewind into it, editable, with the extras named: scripts/setup_env.sh demo,test
# Needs Python 3.11 to 3.14 and nothing else. Uses uv where there is one; where the system's Python cannot make
# environments, uv or virtualenv has to. A setup that was cut off begins afresh.
set -eu
cd "$(dirname "$0")/.."
extras=$1
venv=${VENV:-.venv}
unfinished=$venv/.unfinished

# Else every process that pip starts compiles pip.
unset PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK=1

main() {
    wait_for_another
    if [ -e "$unfinished" ] || ! usable "$venv/bin/python"; then
        make_venv
    fi
    echo "Installing Tradewind with [$extras] into $venv (the first time downloads up to 200 MB) …"
    touch "$unfinished"
    status=0
    install || status=$?
    rm "$unfinished"
    [ $status = 0 ] || exit $status
    compile
}

# Two terminals may want one environment. What this one starts keeps the lock, should it be killed alone.
wait_for_another() {
    if has flock; then
        exec 9<scripts
        flock 9
    fi
}

usable() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

make_venv() {
    python=$(find_python)
    make_room
    if has uv && uv venv --quiet --allow-existing --python "$python" "$venv"; then
        return
    elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv --without-pip "$venv"
    elif has virtualenv; then
        virtualenv --quiet --python "$python" "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    else
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "This Python cannot make environments (no ensurepip); as an administrator: apt install python$version-venv" >&2
        exit 1
    fi
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

# Only an environment is removed, whatever VENV names.
make_room() {
    if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ ! -e "$unfinished" ]; then
        echo "$venv is no environment; remove it, or name another place: make VENV=/path" >&2
        exit 1
    fi
    rm -rf "$venv"
    mkdir -p "$venv"
    touch "$unfinished"
}

has() {
    command -v "$1" >/dev/null
}

install() {
    if has uv && uv pip install --quiet --python "$venv/bin/python" pip --editable ".[$extras]"; then
        return
    fi
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || install_pip
    "$venv/bin/python" -m pip install -qq --no-compile --editable ".[$extras]"
}

# The newest pip that can be had (it resolves in half the time), else the one that comes with Python. That one is run
# from its wheel: `python -m venv` would unpack and compile it first.
install_pip() {
    wheel=$("$venv/bin/python" - <<'PYTHON'
import ensurepip, pathlib, sysconfig

folders = [pathlib.Path(ensurepip.__file__).with_name("_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR")]
print(next(wheel for folder in folders if folder for wheel in pathlib.Path(folder).glob("pip-*.whl")))
PYTHON
    ) && "$venv/bin/python" "$wheel/pip" install -qq --no-compile --ignore-installed --find-links "${wheel%/*}" pip
}

# On all cores, where pip would compile one file after the other; without the packages' own tests, a third of all files.
# Some packages hold files for other versions of Python: those may fail.
compile() {
    "$venv/bin/python" -m compileall -qq -j 0 -x 'site-packages/(pip|.*/tests?)/' "$venv/lib" src >/dev/null 2>&1 || true
}

main
