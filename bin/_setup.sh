# Sourced by dc-up and dc-test: makes .venv beside the sources and installs the project into it, once per change.
# dc_setup EXTRAS: exit status 69 when that cannot be done.

dc_fail() {
    echo "$(basename "$0"): $1" >&2
    exit "${2:-69}"
}

dc_python() {
    for candidate in ${DASHTOOLS_PYTHON:-python3.13 python3.12 python3.11 python3.10 python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

dc_has_gpu() {
    [ -e /dev/nvidia0 ] && command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1
}

dc_setup() {
    extras=$1
    root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
    if dc_has_gpu; then runtime=gpu; else runtime=cpu; fi
    stamp="$(cksum <"$root/setup.cfg") $runtime,$extras"
    if [ -x "$root/.venv/bin/python" ] && grep -qxF "$stamp" "$root/.venv/stamps" 2>/dev/null; then
        return 0
    fi
    python=$(dc_python) || dc_fail "needs Python 3.10 to 3.13 with venv (Debian: apt install python3 python3-venv)"
    echo "$(basename "$0"): setting up $root/.venv ($runtime,$extras) with $("$python" --version 2>&1) ..." >&2
    [ -x "$root/.venv/bin/python" ] || "$python" -m venv "$root/.venv" || dc_fail "cannot make $root/.venv"
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$root[$runtime,$extras]" >&2 ||
        dc_fail "pip could not install the project; its message is above"
    echo "$stamp" >>"$root/.venv/stamps"
}
