#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# kiln bench: bench.sh BIN_FOLDER CASE.
source "$(dirname "$0")/common.sh"

digits() { "$bin/digits" --steps 0 --export m.graph.pb > /dev/null || fail "digits"; }

graph() {
  digits
  run 0 kiln bench m.graph.pb --entry predict --dim batch=3 --seconds 0.05
  has out "f32[3, 64]"
  has out "p99"
  tail -n 1 out | grep -qE '[0-9.]+ (us|ms|s) .* [0-9.]+$' || fail "no numbers"
}

training() {
  digits
  run 0 kiln bench m.graph.pb --entry train_step --dim batch=8 --seconds 0.05 --threads 1
  has out ", 1 thread;"
  has out "zeros"
}

onnx() {
  run 0 kiln bench "$here/../onnx/models/tiny_lstm.script.onnx" --dim batch=2 --dim sequence=5 --seconds 0.05
  has out "i64[2, 5]"
}

artifact() {
  digits
  run 0 kiln compile m.graph.pb -o m.kiln
  rm m.graph.pb
  run 0 kiln bench m.kiln --entry predict --dim batch=2 --seconds 0.05
  has out "f32[2, 64]"
}

json() {
  digits
  run 0 kiln bench m.graph.pb --entry predict --seconds 0.05 --json
  python3 - <<'PY' || fail "not as it should be"
import json
told = json.load(open("out"))
assert told["entry"] == "predict" and told["feeds"] == [{"name": "x", "type": "f32[1, 64]", "value": "random"}], told
assert told["runs"] >= 5 and told["warm_up_runs"] >= 2
assert 0 < told["min_s"] <= told["p50_s"] <= told["p90_s"] <= told["p99_s"] <= told["max_s"]
assert told["min_s"] <= told["mean_s"] <= told["max_s"]
PY
}

fed() {
  local graph=$here/../onnx/models/tiny_lstm.script.onnx
  run 0 kiln bench "$graph" --feed 'ids=[[1, 2, 3]]' --seconds 0.05
  has out "i64[1, 3]"
  has out "fed"
}

wrong_flags() {
  digits
  run 1 kiln bench m.graph.pb
  has err "[KILN-T0005]"
  run 1 kiln bench m.graph.pb --entry predct
  has err "[KILN-T0006]"
  run 1 kiln bench m.graph.pb --entry predict --dim bach=3
  has err "[KILN-T0034]"
  has err "batch"
  run 1 kiln bench m.graph.pb --entry predict --dim batch=many
  has err "[KILN-T0034]"
  run 1 kiln bench m.graph.pb --entry predict --feed y=3
  has err "[KILN-T0034]"
}

"$case"
