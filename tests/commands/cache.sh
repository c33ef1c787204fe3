#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# kiln cache: cache.sh BIN_FOLDER CASE.
source "$(dirname "$0")/common.sh"

graph() { python3 "$here/make_graph.py" chain m.pbtxt || fail "make_graph.py"; }
compute() { run 0 kiln run m.pbtxt --entry other --feed 'x=[[1,2,3,4,5,6,7,8]]' "$@"; }

stats_and_clear() {
  graph
  run 0 kiln cache stats
  [ "$(tail -n 1 out)" = "compile cache: 0 entries, 0 bytes" ] || fail "not empty"
  compute
  cp out first
  run 0 kiln cache stats
  tail -n 1 out | grep -qE '^compile cache: [1-9][0-9]* entr(y|ies), [0-9.]+ (bytes|kB|MB)$' || fail "last line"
  has out "$KILN_CACHE_DIR"
  compute
  cmp first out || fail "other results from the cache"
  run 0 kiln cache clear
  has out "removed"
  run 0 kiln cache stats
  [ "$(tail -n 1 out)" = "compile cache: 0 entries, 0 bytes" ] || fail "not cleared"
}

json() {
  graph
  compute
  run 0 kiln cache stats --json
  [ "$(field out entries)" -ge 1 ] && [ "$(field out bytes)" -ge 100 ] || fail "fields"
  [ "$(field out max_bytes)" = 1073741824 ] || fail "max_bytes"
  KILN_CACHE_MAX=2M run 0 kiln cache stats --json
  [ "$(field out max_bytes)" = 2097152 ] || fail "KILN_CACHE_MAX"
  run 0 kiln cache clear --json
  [ "$(field out removed_entries)" -ge 1 ] || fail "removed_entries"
}

default_folder() {
  graph
  unset KILN_CACHE_DIR
  export XDG_CACHE_HOME=$work/xdg
  compute
  [ -d xdg/kiln/kernels ] || fail "no folder in XDG_CACHE_HOME"
  unset XDG_CACHE_HOME
  HOME=$work/home compute
  [ -d home/.cache/kiln/kernels ] || fail "no folder in HOME"
  run 0 kiln cache stats --cache-dir "$work/home/.cache/kiln" --json
  [ "$(field out entries)" -ge 1 ] || fail "--cache-dir"
}

no_cache() {
  graph
  compute --no-cache
  [ ! -e kernels ] || fail "a cache all the same"
}

# A folder that cannot be one is an error of the command, and a note of what compiles.
unusable() {
  graph
  touch file
  run 1 kiln cache stats --cache-dir "$work/file"
  has err "[KILN-C0404]"
  has err "$work/file"
  KILN_CACHE_DIR=$work/file compute
  has err "KILN-C0404"
  KILN_CACHE_MAX=lots run 1 kiln cache stats
  has err "[KILN-C0404]"
  mkdir kernels && touch kernels/kernels
  compute
  has err "cannot be written"
  run 1 kiln cache clear
  has err "[KILN-C0404]"
  env -u HOME -u XDG_CACHE_HOME -u KILN_CACHE_DIR "$bin/kiln" cache stats > out 2> err && fail "no folder is no error"
  has err "[KILN-C0404]"
}

"$case"
