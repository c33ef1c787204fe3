#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Artifacts through the command line: tools.sh BIN_FOLDER SOURCE_FOLDER CASE.
set -uo pipefail
bin=$1
models=$2/tests/onnx/models
case=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export KILN_CACHE_DIR=$work/cache
fail() { echo "$*"; exit 1; }
kiln() { "$bin/kiln" "$@"; }
# refused WORDS COMMAND...: it ends with 1, and stderr has the words.
refused() {
  local words=$1 status=0
  shift
  "$@" > out 2> err < /dev/null || status=$?
  [ "$status" = 1 ] || { cat err; fail "exit status $status, wanted 1: $*"; }
  grep -qF -- "$words" err || { cat err; fail "no '$words': $*"; }
}
digits() { "$bin/digits" --steps "${1:-0}" --export m.graph.pb > /dev/null || fail "no model"; }
# array FILE LENGTH...: numbers that look random and are always the same.
array() {
  python3 - "$@" <<'PY'
import math, random, struct, sys
dims = tuple(map(int, sys.argv[2:]))
count = math.prod(dims)
header = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (dims,)
header += " " * (-(len(header) + 11) % 64) + "\n"
rng = random.Random(0)
values = struct.pack("<%df" % count, *(rng.gauss(0, 1) for _ in range(count)))
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + values)
PY
}

# Another folder, another second, other names, no cache, one thread: the same bytes.
reproducible() {
  digits
  mkdir -p other/folder
  cp m.* other/folder
  kiln compile m.graph.pb -o a.kiln --threads 1 || fail "compile"
  sleep 1.1
  (cd other/folder && "$bin/kiln" compile "$PWD/m.graph.pb" -o b.kiln --no-cache --threads 2) || fail "compile"
  cmp a.kiln other/folder/b.kiln || fail "another folder"
  kiln compile other/folder/m.graph.pb -o c.kiln || fail "compile"
  cmp a.kiln c.kiln || fail "from the cache"
}

# Where an ONNX model lies is not in its artifact.
reproducible_onnx() {
  mkdir -p far/away
  cp "$models/tiny_cnn.script.onnx" far/away/m.onnx
  cp far/away/m.onnx .
  kiln compile m.onnx -o a.kiln || fail "compile"
  (cd far && "$bin/kiln" compile "$PWD/away/m.onnx" -o away/b.kiln --no-cache) || fail "compile"
  (cd far/away && "$bin/kiln" compile ../../m.onnx -o c.kiln) || fail "compile"
  cmp a.kiln far/away/b.kiln && cmp a.kiln far/away/c.kiln || fail "differs"
  ! grep -aqF "$work" a.kiln || fail "the artifact names the folder"
}

# The model, its artifact and the small runner give the same bytes.
same_bytes() {
  digits 3
  array x.npy 5 64
  kiln compile m.graph.pb --entry predict -o m.kiln || fail "compile"
  kiln run m.graph.pb --entry predict --feed x=@x.npy --output 1 || fail "run"
  kiln run m.kiln --feed x=@x.npy --output 2 || fail "run"
  "$bin/kiln-run" m.kiln --feed x=@x.npy --output 3 || fail "run"
  kiln compile m.graph.pb --entry predict --unpacked -o folder || fail "compile"
  "$bin/kiln-run" folder --feed x=@x.npy --output 4 || fail "run"
  for other in 2 3 4; do cmp 1/logits.npy $other/logits.npy || fail "differs"; done
  kiln run m.kiln --feed x=@x.npy --json | python3 -c "import json, sys; assert json.load(sys.stdin)['outputs']['logits']['dims'] == [5, 10]" || fail "json"
}

same_bytes_onnx() {
  kiln inspect "$models/tiny_cnn.script.onnx" --json > io.json || fail "inspect"
  python3 - > names <<'PY' || fail "inputs"
import json
model = json.load(open("io.json"))
shape = [str(d) if isinstance(d, int) else "2" for d in model["inputs"][0]["shape"]]
print(model["inputs"][0]["name"], model["outputs"][0]["name"], *shape)
PY
  local input output shape
  read -r input output shape < names
  array x.npy $shape   # words
  kiln compile "$models/tiny_cnn.script.onnx" -o m.kiln || fail "compile"
  kiln run "$models/tiny_cnn.script.onnx" --feed "$input=@x.npy" --output 1 || fail "run"
  kiln run m.kiln --feed "$input=@x.npy" --output 2 || fail "run"
  "$bin/kiln-run" m.kiln --feed "$input=@x.npy" --output 3 || fail "run"
  cmp "1/$output.npy" "2/$output.npy" && cmp "1/$output.npy" "3/$output.npy" || fail "differs"
}

texts() {
  digits
  kiln compile m.graph.pb --entry predict --emit mlir > code.mlir && grep -q 'kiln\.' code.mlir || fail "mlir"
  kiln compile m.graph.pb --entry predict --emit llvm > code.ll && grep -q '^define ' code.ll || fail "llvm"
  kiln compile m.graph.pb --entry predict --emit asm -o code.s && grep -q 'retq' code.s || fail "asm"
  kiln compile m.graph.pb --entry predict --emit asm --target x86-64-v2 -o old.s && ! grep -q 'ymm' old.s || fail "target"
}

# A program that is the artifact and what runs it.
program() {
  digits 3
  array x.npy 2 64
  kiln compile m.graph.pb --entry predict --emit exe -o predict || fail "compile"
  mkdir empty && cp predict x.npy empty
  (cd empty && env -i PATH=/nowhere HOME="$PWD" ./predict --feed x=@x.npy --output out) || fail "run"
  kiln run m.graph.pb --entry predict --feed x=@x.npy --output want || fail "run"
  cmp empty/out/logits.npy want/logits.npy || fail "differs"
}

compile_says_what_it_did() {
  digits
  kiln compile m.graph.pb > line || fail "compile"
  grep -qE '^m.kiln: .* bytes|^m.kiln: .* [kM]B' line && grep -q 'train_step' line || { cat line; fail "summary"; }
  kiln compile m.graph.pb --target x86-64-v2,x86-64-v3 --json > json || fail "compile"
  python3 - <<'PY' || fail "json"
import json, os
report = json.load(open("json"))
assert report["output"] == "m.kiln" and report["bytes"] == os.path.getsize("m.kiln"), report
assert [t["target"] for t in report["targets"]] == ["x86-64-v2", "x86-64-v3"], report
assert set(report["entries"]) >= {"predict", "train_step"}, report
PY
  kiln compile m.graph.pb --entry predict --timing > line && grep -q 'total' line || fail "timing"
}

weights() {
  digits 5
  cp m.safetensors trained.safetensors
  kiln compile m.graph.pb -o a.kiln || fail "compile"
  kiln compile m.graph.pb --weights trained.safetensors -o b.kiln || fail "compile"
  cmp a.kiln b.kiln || fail "the same values give another artifact"
  python3 - <<'PY' || fail "edit"
import json, struct
data = open("trained.safetensors", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
name = sorted(k for k in head if k != "__metadata__")[0]
head["strange"] = head.pop(name)
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open("strange.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + n:])
PY
  refused "[KILN-R0311]" kiln compile m.graph.pb --weights strange.safetensors
}

flags_that_do_not_go_together() {
  digits
  refused "[KILN-T0034]" kiln compile m.graph.pb --emit object --unpacked -o m.o
  refused "[KILN-T0034]" kiln compile m.graph.pb --emit object
  refused "[KILN-T0034]" kiln compile m.graph.pb --profile bare
  refused "[KILN-T0034]" kiln compile m.graph.pb --emit object --target x86-64-v2,x86-64-v3 -o m.o
  refused "--entry" kiln compile m.graph.pb --emit mlir
  refused "is a graph of Kiln" kiln compile m.graph.pb --shape x=1,64
  refused "'m.graph.pb' is none" kiln run m.graph.pb --entry predict --verify=full
  refused "[KILN-T0006]" kiln compile m.graph.pb --entry predcit
  refused "[KILN-C0501]" kiln compile m.graph.pb --target x86-65
  refused "[KILN-C0403]" kiln compile m.graph.pb --entry predict --target wasm32 -o m.kiln
  refused '{"error":{"id":"KILN-T0034"' kiln compile m.graph.pb --profile bare --json
  refused '{"error":{"id":"KILN-T0004"' kiln compile --jsn --json
  [ ! -e m.kiln ] || fail "something was written"
}

inspect() {
  digits
  kiln compile m.graph.pb --target x86-64-v2,x86-64-v3 || fail "compile"
  kiln inspect m.kiln > table || fail "inspect"
  for words in "artifact 'digits" "not signed" "train_step" "f32[batch, 64]" "arena" "x86-64-v3" "needs" "sha256"; do
    grep -qF "$words" table || { cat table; fail "no '$words'"; }
  done
  kiln inspect m.kiln --json > json || fail "inspect"
  python3 - <<'PY' || fail "json"
import json, os
model = json.load(open("json"))
assert model["bytes"] == os.path.getsize("m.kiln")
assert [image["target"] for image in model["images"]] == ["x86-64-v2", "x86-64-v3"]
predict = next(e for e in model["entries"] if e["name"] == "predict")
assert predict["feeds"] == [{"name": "x", "dtype": "f32", "dims": ["batch", 64]}], predict
assert predict["symbols"][0]["name"] == "batch" and model["signature"] is None
arena = next(e for e in model["images"][0]["entries"] if e["name"] == "train_step")["arena"]
assert arena["sample"]["bytes"] > 0, arena
PY
  refused "[KILN-T0034]" kiln inspect m.kiln --dot
  refused "[KILN-T0034]" kiln inspect m.kiln --entry predict --dump-plan
  refused "[KILN-T0006]" kiln inspect m.kiln --entry predcit
}

sign() {
  digits
  kiln compile m.graph.pb --entry predict -o m.kiln && cp m.kiln unsigned.kiln || fail "compile"
  kiln sign --make-key me && kiln sign --make-key other || fail "keys"
  [ "$(stat -c %a me.key)" = 600 ] || fail "others may read the secret key"
  kiln sign m.kiln --key me.key || fail "sign"
  kiln sign m.kiln --check me.pub || fail "check"
  kiln inspect m.kiln > table && grep -q 'of the key' table || fail "inspect"
  array x.npy 1 64
  "$bin/kiln-run" m.kiln --require-signature=me.pub --feed x=@x.npy > /dev/null || fail "run"
  refused "[KILN-R0307]" kiln sign m.kiln --check other.pub
  refused "[KILN-R0307]" kiln run unsigned.kiln --require-signature=me.pub --feed x=@x.npy
  kiln sign m.kiln --key other.key && kiln sign m.kiln --check other.pub || fail "sign again"
  [ "$(stat -c %s m.kiln)" = $(($(stat -c %s unsigned.kiln) + 176)) ] || fail "an old signature stays"
  kiln compile m.graph.pb --entry predict --unpacked -o folder && kiln sign folder --key me.key || fail "folder"
  kiln sign folder --check me.pub || fail "folder"
  refused "[KILN-T0034]" kiln sign m.kiln
  refused "[KILN-T0034]" kiln sign --key me.key
  printf 'x' | dd of=folder/weights.safetensors bs=1 seek=4000 conv=notrunc 2> /dev/null
  refused "[KILN-R0307]" kiln sign folder --check me.pub
  refused "[KILN-R0306]" kiln sign folder --key me.key
}

# Bash is given lines, and must offer what the program takes.
completion() {
  kiln completion bash > kiln.bash || fail "completion"
  touch model.onnx
  offered() {   # offered WANTED WORD...: the last word is being typed
    local wanted=$1
    shift
    bash --norc -c 'source ./kiln.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kiln; printf "%s\n" "${COMPREPLY[@]}"' _ "$@" > offers
    grep -qxF -- "$wanted" offers || { cat offers; fail "no '$wanted' after: $*"; }
  }
  offered compile kiln com
  offered completion kiln com
  offered --help kiln --h
  offered --emit kiln compile --em
  offered --entry kiln run model.onnx --en
  offered static kiln compile model.onnx --emit st
  offered static kiln compile model.onnx --emit = st
  offered hosted kiln compile --profile ''
  offered x86-64-v3 kiln compile --target x86-64-v
  offered model.onnx kiln inspect mod
  offered model.onnx kiln compile --emit static mod
  offered fish kiln completion fi
  ! grep -qx -- --emit <(bash --norc -c 'source ./kiln.bash; COMP_WORDS=(kiln run --e); COMP_CWORD=2; _kiln; printf "%s\n" "${COMPREPLY[@]}"') ||
    fail "a flag of another command"
  for shell in zsh fish; do
    kiln completion $shell > "kiln.$shell" && grep -q 'emit' "kiln.$shell" || fail "$shell"
    ! command -v $shell > /dev/null || $shell -n "kiln.$shell" || fail "$shell does not read it"
  done
  refused "[KILN-T0004]" kiln completion csh
}

declare -F "$case" > /dev/null || fail "no case $case"
"$case"
