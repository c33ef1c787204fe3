#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# kiln convert through all forms: convert.sh BIN_FOLDER.
set -euo pipefail
bin=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $*"; exit 1; }
"$bin/digits" --model cnn --steps 2 --export digits.graph.pb > /dev/null

# Kiln's own forms hold the same.
"$bin/kiln" convert digits.graph.pb text.pbtxt
"$bin/kiln" convert text.pbtxt back.graph.pb
cmp digits.safetensors back.safetensors || fail "weights differ"

# Out and in again.
"$bin/kiln" convert digits.graph.pb digits.onnx --entry predict
"$bin/kiln" convert digits.onnx again.graph.pb
row="[$(printf '0.5, %.0s' {1..63})0.25]"
"$bin/kiln" run digits.graph.pb --entry predict --feed "x=[$row]" > want.txt
for model in digits.onnx again.graph.pb; do
  "$bin/kiln" run "$model" --feed "x=[$row]" > got.txt
  paste <(grep -oE -- '-?[0-9]+\.[0-9e-]+' want.txt) <(grep -oE -- '-?[0-9]+\.[0-9e-]+' got.txt) |
    awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) exit 1; n++ } END { if (n < 10) exit 1 }' || { cat want.txt got.txt; fail "$model"; }
done

# A train step, differentiated, with what its variables start from.
"$bin/kiln" convert digits.graph.pb train.onnx --entry train_step --opset 23 > said.txt
grep -q 'train.state.safetensors' said.txt || fail "no word of the state file"
[ -s train.state.safetensors ] || fail "no state file"
"$bin/kiln" inspect train.onnx > ports.txt
grep -q 'conv1/w/next' ports.txt || { cat ports.txt; fail "no new values"; }

# What cannot be done is said, and nothing is written.
refuses() {  # refuses ID WORD ARGUMENT...
  local id=$1 word=$2
  shift 2
  if "$bin/kiln" convert "$@" 2> err.txt; then fail "$* was done"; fi
  grep -qF "[KILN-$id]" err.txt && grep -qF -- "$word" err.txt || { cat err.txt; fail "no $id, $word"; }
}
refuses T0009 ".pbtxt" digits.graph.pb digits.txt2
refuses T0009 "the first name" digits.csv digits.onnx
refuses T0005 "train_step" digits.graph.pb none.onnx
refuses T0006 "predict" digits.graph.pb none.onnx --entry predct
refuses G0510 "operator set 7" digits.graph.pb none.onnx --entry predict --opset 7
refuses P0001 "missing.onnx" missing.onnx none.graph.pb
[ ! -e none.onnx ] || fail "a file was left"
