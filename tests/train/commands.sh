#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# `kiln train` as a user runs it: commands.sh BIN_FOLDER SOURCE_FOLDER CASE
set -uo pipefail
bin=$1
root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export KILN_CACHE_DIR=$work/cache
kiln=$bin/kiln
digits=$root/examples/digits/digits.textproto
fail() { echo "$*"; exit 1; }
accuracy() { grep -oE '^test accuracy: [0-9.]+$' "$1" | tail -n 1 | grep -oE '[0-9.]+$'; }

# A run of a few steps of an example.
example() {
  "$kiln" train "$root/examples/$1" --steps 6 --output m.pb > log || fail "status $?"
  grep -qE '^test accuracy: [0-9]\.[0-9]{4}$' log || fail "no final line: $(tail -n 1 log)"
  "$kiln" inspect m.pb > inspected || fail "the written graph cannot be inspected"
  for entry in train_step predict eval; do
    grep -q "$entry" inspected || fail "no entry $entry"
  done
}

# Values of tensors of a safetensors file: `NAME sha256` a line.
tensors() {
  python3 - "$1" <<'PY'
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
for name, tensor in sorted(json.loads(data[8 : 8 + size]).items()):
    if name != "__metadata__":
        begin, end = tensor["data_offsets"]
        print(name, tensor["dtype"], tensor["shape"], hashlib.sha256(data[8 + size + begin : 8 + size + end]).hexdigest())
PY
}

# The weights of a safetensors file alone, without counters and the state of the optimizer.
weights() {
  python3 - "$1" "$2" <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body, kept = json.loads(data[8 : 8 + size]), b"", {}
for name, tensor in header.items():
    if name.endswith(("/w", "/b")):
        begin, end = tensor["data_offsets"]
        kept[name] = {**tensor, "data_offsets": [len(body), len(body) + end - begin]}
        body += data[8 + size + begin : 8 + size + end]
text = json.dumps(kept).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
}

case $3 in
  digits_reach_their_accuracy)
    "$kiln" train "$digits" > log || fail "status $?"
    [ "$(grep -c '^epoch' log)" = 40 ] || fail "no 40 lines of epochs"
    reached=$(accuracy log)
    tail -n 1 log
    python3 -c "import sys; sys.exit(not $reached >= 0.95)" ;;
  digits_are_the_model_of_the_example)
    # Untrained: the same variables, and the convolutions start from the same values.
    "$kiln" train "$digits" --steps 0 --output a.pb > /dev/null || fail "status $?"
    "$bin/digits" --model cnn --steps 0 --export b.pb > /dev/null || fail "the example fails"
    tensors a.safetensors > a; tensors b.safetensors > b
    diff <(cut -d' ' -f1-2 a) <(cut -d' ' -f1-2 b) || fail "other variables"
    diff <(grep '^conv' a) <(grep '^conv' b) || fail "other values of the convolutions"
    [ "$(grep -c '^conv' a)" -ge 4 ] || fail "no convolutions"
    # Trained: the example predicts with the weights as the description does.
    "$kiln" train "$digits" --steps 60 --output t.pb > log || fail "status $?"
    weights t.safetensors weights.safetensors
    "$bin/digits" --model cnn --steps 0 --init weights.safetensors > example || fail "the example refuses the weights"
    [ "$(accuracy log)" = "$(accuracy example)" ] || fail "$(tail -n 1 log), and the example: $(tail -n 1 example)"
    tail -n 1 log ;;
  residual_net) example digits/residual.textproto ;;
  char_lstm) example char_lstm/char_lstm.textproto ;;
  dry_run_prints_layers)
    "$kiln" train "$digits" --dry-run > log || fail "status $?"
    grep -qE '^conv2 +conv +\[batch, 8, 8, 16\] +1168$' log || fail "$(cat log)"
    grep -qE '^total +3818$' log || fail "$(cat log)"
    "$kiln" train "$digits" --dry-run --json | python3 -c "import json, sys; d = json.load(sys.stdin); assert d['parameters'] == 3818 and d['layers'][1]['name'] == 'conv1', d" || fail "no JSON" ;;
  json_lines)
    "$kiln" train "$digits" --epochs 2 --json --output m.pb > log || fail "status $?"
    python3 - <<'PY' || fail "$(cat log)"
import json
lines = [json.loads(line) for line in open("log")]
assert [line.get("epoch") for line in lines] == [1, 2, None], lines
assert lines[1]["test"] == lines[2]["test"] and lines[2]["steps"] == 88 and lines[2]["outputs"] == ["m.pb"], lines
PY
    ;;
  same_bits_with_and_without_cache)
    for run in "--no-cache" "" "--threads 1"; do
      # shellcheck disable=SC2086
      "$kiln" train "$digits" --steps 30 --output "m.pb" $run > log || fail "status $?"
      tensors m.safetensors > "now"
      [ ! -e first ] || cmp first now || fail "other weights with '$run'"
      cp now first
    done ;;
  set_changes_the_run)
    "$kiln" train "$digits" --set training.epochs=1 --set 'layer[drop].dropout.rate=0.25' --seed 3 --plot > log || fail "status $?"
    [ "$(grep -c '^epoch' log)" = 1 ] || fail "$(cat log)"
    grep -q 'loss of 44 steps' log || fail "no plot"
    ! "$kiln" train "$digits" --set training.epchs=1 2> err || fail "no error"
    grep -q "did you mean 'epochs'" err || fail "$(cat err)" ;;
  forms_of_the_trained_model_predict_the_same)
    "$kiln" train "$digits" --steps 20 --output m.pb > /dev/null || fail "status $?"
    "$kiln" train "$digits" --steps 20 --output m.onnx > /dev/null || fail "status $?"
    "$kiln" train "$digits" --steps 20 --output m.kiln > /dev/null || fail "status $?"
    python3 -c "print([[(i * 7 % 17) / 16 for i in range(64)]])" > x
    for model in m.pb m.onnx m.kiln; do
      entry=(--entry predict)
      [ $model != m.onnx ] || entry=()
      "$kiln" run $model "${entry[@]}" --feed "x=$(cat x)" --output "$model.out" > /dev/null || fail "$model does not run"
    done
    cmp m.pb.out/out.npy m.kiln.out/out.npy || fail "the artifact predicts otherwise"
    cmp m.pb.out/out.npy m.onnx.out/out.npy || fail "the ONNX model predicts otherwise" ;;
  ends_in_order_on_interrupt)
    "$kiln" train "$digits" --set checkpoints.folder="$work/run" --epochs 4000 --output m.pb > log 2> err &
    pid=$!
    for _ in $(seq 600); do grep -q '^epoch   3' log && break; sleep 0.1; done
    kill -INT $pid; wait $pid
    [ $? = 130 ] || fail "exit status is not 130: $(cat err)"
    step=$(grep -oE 'interrupted after step [0-9]+' log | grep -oE '[0-9]+') || fail "$(tail -n 3 log)"
    [ -d "$work/run/step-$(printf %08d "$step")" ] || fail "no checkpoint of step $step"
    [ -e m.pb ] || fail "no model"
    "$kiln" train "$digits" --set checkpoints.folder="$work/run" --steps $((step + 5)) --resume > log || fail "cannot resume"
    grep -q "resumed after step $step" log || fail "$(cat log)" ;;
  page_is_a_description)
    # The blocks of docs/train.md without a language, one after the other, are a whole description.
    awk '/^```/ { isInside = !isInside; isPlain = $0 == "```"; next } isInside && isPlain' "$root/docs/train.md" > page.textproto
    cp "$root/examples/digits/digits.csv.gz" .
    "$kiln" train page.textproto --steps 3 > log || fail "$(cat page.textproto)"
    [ -d run/step-00000003 ] || fail "no checkpoint" ;;
  errors_exit_with_1)
    echo "layer { conv { outpts: 3 } }" > T0030.textproto
    echo "layer { conv { outputs: 3 } }" > T0031.textproto
    printf '1,2\nx,3\n' > T0032.csv
    echo "data { csv { path: 'T0032.csv' } } loss { type: 'mse' }" > T0032.textproto
    for id in T0030 T0031 T0032; do
      "$kiln" train $id.textproto > log 2> err
      [ $? = 1 ] || fail "$id: another exit status"
      grep -qF "[KILN-$id]" err || fail "no $id: $(cat err)"
      "$kiln" train $id.textproto --json 2> err
      python3 -c "import json; e = json.loads(open('err').readlines()[-1])['error']; assert e['id'] == 'KILN-$id', e" || fail "no JSON: $(cat err)"
    done ;;
  *) fail "no case $3" ;;
esac
