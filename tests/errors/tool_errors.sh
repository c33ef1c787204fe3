#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Triggers an error of the command-line programs: tool_errors.sh BIN_FOLDER ID. The program must exit with 1 and print the id.
set -uo pipefail
bin=$1
id=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
model() { "$bin/digits" --steps 0 --export m.graph.pb > /dev/null || exit 1; }
case $id in
  T0001) word="KILN-" command=("$bin/kiln" explain KILN-Z9999) ;;
  T0002) model; word="'x'" command=("$bin/kiln" run m.graph.pb --entry predict --feed x) ;;
  T0003) model; word="'x'" command=("$bin/kiln" run m.graph.pb --entry predict --feed "x=[1, [2]]") ;;
  T0004) word="'run'" command=("$bin/kiln" rnu) ;;
  T0005) model; word="'predict'" command=("$bin/kiln" run m.graph.pb) ;;
  T0006) model; word="'predict'" command=("$bin/kiln" run m.graph.pb --entry predct) ;;
  T0007) model; touch file; word="file/out"
    command=("$bin/kiln" run m.graph.pb --entry init --fetch hidden/b --output file/out) ;;
  T0008) mkdir data; word="'data'"
    command=("$bin/kiln" run "$here/../onnx/models/tiny_cnn.script.onnx" --test-data data) ;;
  T0009) model; word="m.text" command=("$bin/kiln" convert m.graph.pb m.text) ;;
  T0010) word="none.csv" command=("$bin/digits" --data none.csv) ;;
  T0011) echo "1,2,3" > bad.csv; word="line 1" command=("$bin/digits" --data bad.csv) ;;
  T0012) printf '0%.0s,' {1..64} > short.csv; echo 7 >> short.csv; word="1 rows" command=("$bin/digits" --data short.csv) ;;
  T0020) word="'call_add'" command=("$bin/kiln-bench" --workload call_ad) ;;
  T0033) model; word="status 0" command=("$bin/kiln" reduce m.graph.pb --failing true) ;;
  T0035) model; word="'./missing'" command=("$bin/kiln" reduce m.graph.pb --failing ./missing) ;;
  C0404) touch file; word="'file'" command=("$bin/kiln" cache stats --cache-dir file) ;;
  T0034) model; word="--profile bare" command=("$bin/kiln" compile m.graph.pb --profile bare) ;;
  *) echo "no case for $id"; exit 1 ;;
esac
"${command[@]}" > out 2> err < /dev/null
status=$?
cat err
[ "$status" = 1 ] || { echo "exit status $status, wanted 1"; exit 1; }
grep -qF "[KILN-$id]" err || { echo "no [KILN-$id]"; exit 1; }
grep -qF -- "$word" err || { echo "no $word"; exit 1; }
