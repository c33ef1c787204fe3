#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Runs the block of commands under "The command line" of a page: run_commands.sh PAGE BUILD_FOLDER
set -euo pipefail
page=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(cd "$(dirname "$page")" && pwd)
cd "$work"
ln -s "$build" build
ln -s "$root/examples" examples
python3 "$here/row_of_zeros.py"
sed -n '/^## The command line/,/^## More/p' "$page" | sed -n '/^```sh/,/^```$/p' | grep -v '^```' > commands
[ -s commands ] || { echo "no commands under 'The command line' of $page"; exit 1; }
while read -r command; do
  echo "\$ $command"
  bash -c "$command" < /dev/null
done < commands
[ -s out/logits.npy ] || { echo "the commands wrote no out/logits.npy"; exit 1; }
