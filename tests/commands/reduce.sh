#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# kiln reduce: reduce.sh BIN_FOLDER CASE.
source "$(dirname "$0")/common.sh"

graph() { python3 "$here/make_graph.py" "$1" "$1.pbtxt" || fail "make_graph.py"; }
# Fails for graphs with an erf, in whatever function: by status 3. The op's name is in the file as it is.
cat > has_erf.sh <<'SH'
grep -q erf "$1" && exit 3
exit 0
SH
nodesOf() { kiln convert "$1" nodes.pbtxt && grep -cE '^(node|    node_def) \{' nodes.pbtxt; }

one_bad_op() {
  graph chain
  run 0 kiln reduce chain.pbtxt --failing 'sh has_erf.sh {}' -o small.graph.pb
  has err "nodes left"
  has out "kiln.erf"
  tail -n 1 out | grep -q "small.graph.pb: 2 of 200 nodes" || fail "no summary"
  [ "$(nodesOf small.graph.pb)" = 2 ] || fail "not 2 nodes"
  run 3 sh has_erf.sh small.graph.pb
  run 0 kiln reduce chain.pbtxt --failing 'sh has_erf.sh' -o again.graph.pb
  cmp small.graph.pb again.graph.pb || fail "two reductions differ"
}

body_of_loop() {
  graph loop
  run 0 kiln reduce loop.pbtxt --failing 'sh has_erf.sh {}'
  [ "$(nodesOf loop.reduced.graph.pb)" -le 3 ] || fail "more than 3 nodes"
  run 3 sh has_erf.sh loop.reduced.graph.pb
}

onnx_model() {
  run 0 kiln reduce "$here/../onnx/models/tiny_lstm.script.onnx" --failing 'kiln convert {} t.pbtxt && ! grep -q "\"scan\"" t.pbtxt' \
    -o small.pbtxt
  has small.pbtxt '"scan"'
  [ "$(nodesOf small.pbtxt)" -le 12 ] || fail "more than 12 nodes"
}

text_output() {
  graph chain
  # A path with a blank, and a second place for it.
  mkdir "my folder"
  TMPDIR="$work/my folder" run 0 kiln reduce chain.pbtxt --failing 'sh has_erf.sh {} && sh has_erf.sh {}' -o "my folder/small.pbtxt"
  has "my folder/small.pbtxt" 'op: "erf"'
  [ -z "$(ls -d "my folder"/kiln-reduce-* 2> /dev/null)" ] || fail "the candidates were left behind"
}

json() {
  graph chain
  run 0 kiln reduce chain.pbtxt --failing 'sh has_erf.sh {}' -o small.graph.pb --json
  [ ! -s err ] || fail "text beside the JSON"
  [ "$(field out nodes)" = 2 ] && [ "$(field out nodes_before)" = 200 ] && [ "$(field out finished)" = True ] || fail "fields"
  [ "$(field out failure)" = "status 3" ] || fail "failure"
  run 0 kiln reduce chain.pbtxt --failing 'sh has_erf.sh {}' -o small.graph.pb --json --max-tries 2
  [ "$(field out finished)" = False ] && [ "$(field out tries)" = 2 ] || fail "--max-tries"
}

# The command feeds x, which a graph without x does not take: that is another failure. A node that computes a remainder by 0
# has to stay, with x.
same_failure() {
  cat > faulty.pbtxt <<'PB'
kiln_format: 1
name: "faulty"
node { name: "x" op: "placeholder" attr { key: "dtype" value { type: DT_INT32 } } attr { key: "shape" value { shape { dim { size: 2 } } } } }
node { name: "y" op: "mul" input: "x" input: "x" }
node { name: "bad" op: "mod" input: "y" input: "x" }
node { name: "z" op: "add" input: "bad" input: "y" }
entries { name: "predict" feeds { name: "x" endpoint: "x" } fetches { name: "z" endpoint: "z" } }
PB
  run 0 kiln reduce faulty.pbtxt --failing 'kiln run {} --feed "x=[0, 1]"'
  has out "KILN-R0031"
  has out "kiln.mod"
  run 1 kiln run faulty.reduced.graph.pb --feed 'x=[0, 1]'
  has err "KILN-R0031"
  run 0 kiln reduce faulty.pbtxt --failing 'kiln run {} --feed "x=[0, 1]"' --any-failure -o any.graph.pb --json
  [ "$(field out nodes)" -lt 2 ] || fail "every failure should do"
}

timeout() {
  graph chain
  cat > hangs.sh <<'SH'
sh has_erf.sh "$1" || sleep 600
SH
  run 1 kiln reduce chain.pbtxt --failing 'sh hangs.sh {}' --timeout 1
  has err "[KILN-T0033]"
  run 0 kiln reduce chain.pbtxt --failing 'sh hangs.sh {}' --timeout 1 --timeout-fails --max-tries 4 -o small.graph.pb
  has out "no end within the time"
}

interrupted() {
  graph chain
  cat > slow.sh <<'SH'
echo x >> asked
sleep 0.2
sh has_erf.sh "$1"
SH
  # A command in the background has SIGINT switched off by a shell without job control; SIGTERM does the same.
  kiln reduce chain.pbtxt --failing 'sh slow.sh {}' -o small.graph.pb > out 2> err < /dev/null &
  local reduce=$! i
  for i in $(seq 1 600); do
    [ -f asked ] && [ "$(wc -l < asked)" -ge 4 ] && break
    sleep 0.1
  done
  kill -TERM $reduce
  wait $reduce
  [ $? = 130 ] || fail "not ended as interrupted"
  has err "[KILN-R0040]"
  run 3 sh has_erf.sh small.graph.pb
}

not_failing() {
  graph chain
  run 1 kiln reduce chain.pbtxt --failing 'true {}'
  has err "[KILN-T0033]"
  has err "status 0"
  [ ! -e chain.reduced.graph.pb ] || fail "a result all the same"
}

cannot_run() {
  graph chain
  run 1 kiln reduce chain.pbtxt --failing './missing.sh {}'
  has err "[KILN-T0035]"
  has err "missing.sh"
  echo "exit 1" > plain.sh
  run 1 kiln reduce chain.pbtxt --failing './plain.sh {}' --json
  [ "$(python3 -c 'import json; print(json.load(open("err"))["error"]["id"])')" = KILN-T0035 ] || fail "no JSON error"
}

wrong_flags() {
  graph chain
  run 1 kiln reduce chain.pbtxt --failing false -o small.onnx
  has err "[KILN-T0034]"
  run 1 kiln reduce chain.pbtxt --failing false -o ./chain.pbtxt
  has err "[KILN-T0034]"
  run 1 kiln reduce chain.pbtxt
  has err "--failing"
  run 1 kiln reduce missing.graph.pb --failing false
  has err "[KILN-P0001]"
}

"$case"
