#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# extract_program.sh PAGE FILE: the page's first block of C.
set -eu
awk '/^```c$/ { inside = 1; next } /^```/ { if (inside) { exit } } inside' "$1" > "$2"
grep -q 'int main' "$2"
