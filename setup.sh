#!/bin/sh
# Makes .venv from the hash-locked requirements: `sh setup.sh base`, `sh setup.sh base dev`.
# Quick when nothing has changed. PYTHON=python3.12 chooses the interpreter.
set -eu
cd "$(dirname "$0")"
# Byte code is written at the first import rather than while installing: it starts sooner.
unset PYTHONDONTWRITEBYTECODE

stop() {
    printf '\n  %s\n' "$*" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

# What a digest cannot see: another interpreter, or a folder that was moved.
stamp_of() {
    .venv/bin/python -c 'import hashlib, pathlib, sys
content = sys.prefix + sys.version + pathlib.Path(sys.argv[1]).read_text()
print(hashlib.sha256(content.encode()).hexdigest())' "requirements/$1.txt"
}

# Tells how many of the packages pip has reached; pip's own words go to the log.
count_packages() {
    found=0
    : > "$2"
    while IFS= read -r line; do
        printf '%s\n' "$line" >> "$2"
        case $line in
        Collecting\ * | Processing\ *)
            found=$((found + 1))
            [ $((found % 25)) -ne 0 ] || echo "    $found of $1 found"
            ;;
        Installing\ collected*) echo "    unpacking" ;;
        esac
    done
}

explain() {
    if grep -qi 'No space left' "$1"; then
        stop "The disk is full: free about 3 GB and run this again."
    elif grep -q 'DO NOT MATCH THE HASHES' "$1"; then
        stop "The package index offers other files than the ones locked in requirements/." \
            "Nothing was installed; details in $1."
    elif grep -Eqi 'No matching distribution|Could not find a version' "$1"; then
        stop "The package index does not answer, or lacks a locked package: check the network" \
            "and pip's index setting, then run this again; details in $1."
    fi
    stop "pip could not install the requirements; its own words are in $1."
}

install() {
    stamp=".venv/.installed-$1"
    [ "$(cat "$stamp" 2>/dev/null)" = "$(stamp_of "$1")" ] && return
    total=$(grep -c '^[a-z0-9-]*==' "requirements/$1.txt")
    log=".venv/install-$1.log"
    echo "  Installing up to $total packages from requirements/$1.txt (about a minute) ..."
    began=$(date +%s)
    rm -f .venv/.pip-failed
    { PYTHONUNBUFFERED=1 .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-compile \
        --no-deps --require-hashes --progress-bar off -r "requirements/$1.txt" 2>&1 ||
        touch .venv/.pip-failed; } | count_packages "$total" "$log"
    [ ! -e .venv/.pip-failed ] || explain "$log"
    stamp_of "$1" > "$stamp"
    echo "  Installed in $(($(date +%s) - began)) s."
}

if ! fits .venv/bin/python; then
    python=$(find_python)
    [ -n "$python" ] ||
        stop "Digitsite needs Python 3.11, 3.12 or 3.13: install one, or name it: PYTHON=/path/to/python make run"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "$("$python" --version) lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv) and run this again."
    echo "  Making .venv with $("$python" --version) ..."
    "$python" -m venv --clear .venv >/dev/null ||
        stop "The folder .venv cannot be made here: check that $(pwd) is writable and has space."
fi
for list in "$@"; do
    install "$list"
done
