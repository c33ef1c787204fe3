#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Runs the commands of every block of shell commands of a page: run_page.sh PAGE BIN_FOLDER [NAME=FOLDER ...]. The folders
# are there by their names, and x.npy is a row of 64 zeros.
set -euo pipefail
page=$1
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$2:$PATH
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 "$here/row_of_zeros.py"
for link in "$@"; do
  ln -s "${link#*=}" "${link%%=*}"
done
sed -n '/^```sh/,/^```$/p' "$page" | grep -v '^```' > commands
[ -s commands ] || { echo "no commands in $page"; exit 1; }
while read -r command; do
  echo "\$ $command"
  bash -c "$command" < /dev/null
done < commands
