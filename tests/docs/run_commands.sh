#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Runs the block of commands under "The command line" of a page: run_commands.sh PAGE BUILD_FOLDER
set -euo pipefail
page=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ln -s "$build" build
# An input of one row: a .npy file of 64 zeros.
python3 - <<'PY'
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }"
header += " " * (-(len(header) + 11) % 64) + "\n"
open("x.npy", "wb").write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(256))
PY
sed -n '/^## The command line/,/^## More/p' "$page" | sed -n '/^```sh/,/^```$/p' | grep -v '^```' > commands
[ -s commands ] || { echo "no commands under 'The command line' of $page"; exit 1; }
while read -r command; do
  echo "\$ $command"
  bash -c "$command" < /dev/null
done < commands
[ -s out/logits.npy ] || { echo "the commands wrote no out/logits.npy"; exit 1; }
