#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# run_lines.sh FILE FOLDER...: runs FILE's `// RUN:` lines with the folders first in PATH; fails when one fails or none is there.
set -uo pipefail
file=$1
shift
PATH="$(IFS=:; echo "$*"):$PATH"
mapfile -t lines < <(sed -n 's@^ *// RUN: *@@p' "$file")
if [ "${#lines[@]}" = 0 ]; then
  echo "$file has no RUN line" >&2
  exit 1
fi
for line in "${lines[@]}"; do
  if ! bash -o pipefail -c "${line//%s/"'$file'"}"; then
    echo "failed: $line" >&2
    exit 1
  fi
done
