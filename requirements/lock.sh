#!/bin/sh
# Recomputes both locks for every system and Python from 3.11 on, with hashes and without addresses.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
compile() {
    out=$1
    shift
    "$scratch/venv/bin/uv" pip compile pyproject.toml "$@" --python-version 3.11 --universal --upgrade \
        --generate-hashes --no-header --no-annotate --quiet --output-file "$scratch/$out"
    mv "$scratch/$out" "requirements/$out"
}
compile run.lock
compile dev.lock --extra dev
