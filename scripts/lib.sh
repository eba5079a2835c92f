# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts share. Sourced, after `set -euo pipefail`; changes to the root of the tree.

script=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() {
    printf '%s\n' "$*"
}

step() {
    printf '\n==> %s\n' "$*"
}

# fail MESSAGE [HOW TO CONTINUE]...
fail() {
    printf '\n%s: %s\n' "$(basename "$0")" "$1" >&2
    shift
    local hint
    for hint in "$@"; do
        printf '    %s\n' "$hint" >&2
    done
    exit 1
}

job_count() {
    nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}

# Prints the comment at the head of the calling script.
usage() {
    sed -n '3,/^[^#]/ { s/^# \{0,1\}//p }' "$script"
}

# build_preset PRESET [TARGET]...: configures if needed, and builds the targets, or everything.
# Returns non-zero when either fails.
build_preset() {
    local preset=$1
    shift
    say "Configuring build/$preset (cmake --preset $preset)."
    mkdir -p "build/$preset"
    if ! cmake --preset "$preset" >"build/$preset/configure.log" 2>&1; then
        tail -n 30 "build/$preset/configure.log" >&2
        return 1
    fi
    say "Building in build/$preset with $(job_count) jobs."
    cmake --build "build/$preset" --parallel "$(job_count)" ${1:+--target "$@"}
}
