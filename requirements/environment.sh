#!/bin/sh
# Makes .venv from requirements/$1.lock ($1: run or dev), every file checked against its hash.
# Called by the Makefile when the lock is newer than the stamp; interrupted half-way, it starts again at the next call.
set -eu
kind=$1
cd "$(dirname "$0")/.."

say() { printf '%s\n' "tour-de-role: $*" >&2; }

usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${BOOKING_PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3 python /usr/bin/python3; do
        if usable "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

explain() {
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            say "$name is there, but it cannot make environments (Debian, Ubuntu: apt-get install python3-venv)."
            exit 1
        fi
    done
    say "Python 3.11 or newer is needed and was not found. Install it, or name it: BOOKING_PYTHON=/path/to/python make run"
    exit 1
}

if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$(find_python) || explain
    say "making .venv with $("$python" -V)"
    rm -rf .venv
    "$python" -m venv .venv
fi

say "installing requirements/$kind.lock (once; again when it changes)"
rm -f .venv/*.stamp
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-warn-script-location \
    --root-user-action ignore --require-hashes -r "requirements/$kind.lock"

# The source tree is used where it lies: one line on the path, and the command `booking` beside the others.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pwd >"$site/tour-de-role.pth"
printf '#!/bin/sh\nexec "$(dirname "$0")/python" -m booking "$@"\n' >.venv/bin/booking
chmod +x .venv/bin/booking

touch .venv/run.stamp
if [ "$kind" = dev ]; then touch .venv/dev.stamp; fi
