#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# consumer.sh SOURCE BUILD FOLDER: a project of somebody else's, built against an installed Kiln.
set -euo pipefail
source=$1 build=$2 folder=$3
rm -rf "$folder" && mkdir -p "$folder"
for component in runtime kiln dev; do
  cmake --install "$build" --component $component --prefix "$folder/root" > "$folder/install.log"
done
# The programs that were installed, not those of the build tree.
kiln=$folder/root/bin/kiln
"$build/bin/digits" --steps 60 --export "$folder/digits.graph.pb" > /dev/null
"$kiln" compile "$folder/digits.graph.pb" -o "$folder/digits.kiln" --no-cache
cmake -S "$source/tests/packages/consumer" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_PREFIX_PATH="$folder/root" \
  -DMODEL="$folder/digits.graph.pb" > "$folder/configure.log" || { cat "$folder/configure.log"; exit 1; }
cmake --build "$folder/build"
for program in from_c compiled_in trained; do
  echo "== $program"
  "$folder/build/$program" "$folder/digits.kiln" | tee "$folder/$program.txt"
done
# The same image through the artifact and through the code that was compiled into the program.
cmp "$folder/from_c.txt" "$folder/compiled_in.txt"
