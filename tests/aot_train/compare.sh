#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# compare.sh TRAINER FOLDER MODEL BATCH CLASSES: what the trainer prints is what the session in the compiler's process
# printed, to the last bit.
set -eu
trainer=$1 folder=$2 model=$3 batch=$4 classes=$5
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$trainer" "$folder/$model.kiln" "$batch" "$classes" "$out/weights.safetensors" > "$out/printed"
losses=$(grep -c '^loss' "$out/printed")
[ "$losses" = 200 ] || { echo "$losses losses"; exit 1; }
grep -q '^logit' "$out/printed"
diff "$folder/$model.expected" "$out/printed" | head -n 10
cmp "$folder/$model.expected" "$out/printed"
