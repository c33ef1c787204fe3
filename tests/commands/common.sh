# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What the scripts share: the arguments BIN_FOLDER CASE, a folder to work in, and checks.
set -uo pipefail
bin=$1
case=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PATH=$bin:$PATH KILN_CACHE_DIR=$work/kernels

fail() { echo "$1"; [ ! -f out ] || cat out; [ ! -f err ] || cat err; exit 1; }
# run STATUS COMMAND...: the command's output is in out and err then.
run() {
  local wanted=$1 status
  shift
  "$@" > out 2> err < /dev/null
  status=$?
  [ "$status" = "$wanted" ] || fail "$*: exit status $status, wanted $wanted"
}
has() { grep -qF -- "$2" "$1" || fail "no '$2' in $1"; }
hasNot() { ! grep -qF -- "$2" "$1" || fail "'$2' in $1"; }
# A field of the JSON object in a file.
field() { python3 -c "import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" "$1" "$2" || fail "no field $2"; }
