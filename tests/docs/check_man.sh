#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual page is formatted without a warning.
#
#   check_man.sh PAGE
set -eu

if ! command -v man >/dev/null || ! command -v groff >/dev/null; then
    echo "man or groff is not installed"
    exit 77
fi
warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 \
    man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)
if [ -n "$warnings" ]; then
    printf '%s\n' "$warnings"
    exit 1
fi
