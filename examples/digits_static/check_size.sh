#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# check_size.sh PROGRAM BYTES: the program is at most so large, and needs no shared library.
set -u
program=$1 limit=$2
size=$(stat -Lc %s "$program") || exit 1
echo "$size bytes (at most $limit)"
if ldd "$program" > /dev/null 2>&1; then
  echo "it links shared libraries"
  exit 1
fi
[ "$size" -le "$limit" ]
