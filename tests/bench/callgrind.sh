#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Instructions that the server executes in user space for one message: callgrind counts a run with
# many messages and one with few; the difference is divided. Depends on no clock and no load.
#
#   tests/bench/callgrind.sh BUILD [MESSAGES [FUNCTIONS [PLUGINS]]]
#
# FUNCTIONS is how many of the most expensive functions are printed (12), PLUGINS how many there are
# in the chain (0).
set -euo pipefail
build=$(realpath "${1:?which build?}")
messages=${2:-1000}
shown=${3:-12}
plugins=${4:-0}
few=100
here=$(dirname "$(realpath "$0")")

if ! command -v valgrind >/dev/null; then
    echo "  left out: valgrind is not installed"
    exit 0
fi

# count MESSAGES FILE: leaves callgrind's counts in FILE
count() {
    PYTHONDONTWRITEBYTECODE=1 python3 - "$here" "$build" "$1" "$2" "$plugins" <<'PYTHON'
import subprocess
import sys

here, build, messages, output, plugins = sys.argv[1:]
sys.path.insert(0, here)
from servers import Gatepost

wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={output}"]
with Gatepost(build, build, f"{build}/bench/callgrind", wrapper=wrapper,
              hooks=int(plugins)) as server:
    subprocess.run([f"{build}/tests/bench/bench_load", "-s", "20", "-n", messages,
                    str(server.port)], stdout=subprocess.DEVNULL, check=True)
PYTHON
}

total() {
    awk '/^(summary|totals):/ { n = $2 } END { print n + 0 }' "$1"
}

mkdir -p "$build/bench"
count "$few" "$build/bench/callgrind.few"
count "$messages" "$build/bench/callgrind.many"
before=$(total "$build/bench/callgrind.few")
after=$(total "$build/bench/callgrind.many")
echo "  $(((after - before) / (messages - few))) instructions a message with $plugins plugins"
[ "$shown" != 0 ] || exit 0
callgrind_annotate --auto=no "$build/bench/callgrind.many" 2>/dev/null |
    awk -v n="$shown" '/^[ 0-9,]+ \(/ && seen++ < n + 1 { print "  " substr($0, 1, 98) }'
