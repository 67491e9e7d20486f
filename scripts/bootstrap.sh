#!/bin/sh
# Makes .venv with everything that `make` needs; with the argument "test", also the Debian packages
# that the tests drive (Chromium, GStreamer's RTSP server). Does nothing when all is there already.
set -eu
cd "$(dirname "$0")/.."

# Behind a company's proxy its certificate is only in the system's store.
export UV_SYSTEM_CERTS=true

need_python='Python 3.11 or later is needed. On Debian: apt-get install python3 python3-venv'

# Install the Debian packages given, or say exactly how to.
debian() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    command="apt-get install -y --no-install-recommends$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Please install the equivalent of these Debian packages:$missing" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        sudo=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo="sudo"
    else
        echo "Debian packages are missing, and installing them needs the administrator. Run:" >&2
        echo "    sudo $command" >&2
        exit 1
    fi
    echo "Installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # words are meant
    $sudo $command >/dev/null 2>&1 ||
        { $sudo apt-get update >/dev/null && $sudo $command >/dev/null; } ||
        { echo "That failed. Try: sudo apt-get update && sudo $command" >&2; exit 1; }
}

python=""
for candidate in python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python="$candidate"
        break
    fi
done
[ -n "$python" ] || { echo "$need_python" >&2; exit 1; }

wanted="$(cat pyproject.toml requirements-lock.txt scripts/bootstrap.sh | cksum)"
if [ "$(cat .venv/.installed 2>/dev/null || true)" != "$wanted" ]; then
    if [ ! -x .venv/bin/python ]; then
        # Debian's python3 comes without ensurepip until python3-venv is installed.
        "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv
        "$python" -m venv .venv
    fi
    echo "Installing Python packages …"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
    .venv/bin/uv pip install --quiet --python .venv/bin/python \
        --constraint requirements-lock.txt --editable . --group dev
    echo "$wanted" >.venv/.installed
fi

if [ "${1:-}" = test ]; then
    # libatomic1 is for the Node that Playwright brings.
    debian chromium curl fonts-dejavu-core iproute2 libatomic1 nmap python3-gi gir1.2-gst-rtsp-server-1.0 \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
        gstreamer1.0-plugins-ugly
fi
