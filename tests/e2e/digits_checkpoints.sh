#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Checkpoints as a user of the digits example meets them: digits_checkpoints.sh DIGITS CASE.
set -u
digits=$1 case=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ck=$work/run

fail() { echo "$*"; cat "$work/err" 2> /dev/null; exit 1; }
# Ends well.
run() { "$digits" "$@" > "$work/out" 2> "$work/err" || fail "digits $* ended with status $?"; }
# refused ID WORD FLAGS: ends with status 1 and a message that has both.
refused() {
  local id=$1 word=$2; shift 2
  "$digits" "$@" > "$work/out" 2> "$work/err"
  local status=$?
  [ $status = 1 ] && grep -qF "[KILN-$id]" "$work/err" && grep -qF -- "$word" "$work/err" ||
    fail "digits $*: status $status, wanted 1 and KILN-$id with '$word'"
}
# How many losses a file has.
count() { echo "$(tr -d '[] \n' < "$1")" | awk -F, '{ print $0 == "" ? 0 : NF }'; }

case $case in
  resumes_bit_for_bit)
    flags="--model mlp --seed 3 --optimizer adam"
    run $flags --steps 60 --losses "$work/whole.json"
    run $flags --steps 25 --checkpoint "$ck" --losses "$work/first.json"
    run $flags --steps 60 --checkpoint "$ck" --resume --losses "$work/second.json"
    [ "$(count "$work/first.json")" = 25 ] && [ "$(count "$work/second.json")" = 35 ] || fail "other numbers of steps"
    numbers() { tr -d '[] \n' < "$1"; }
    [ "$(numbers "$work/whole.json")" = "$(numbers "$work/first.json"),$(numbers "$work/second.json")" ] || fail "losses differ"
    ;;
  nothing_left_to_do)
    run --steps 5 --checkpoint "$ck"
    before=$(find "$ck" -type f -exec sha256sum {} + | sort)
    run --steps 5 --checkpoint "$ck" --resume --losses "$work/l.json"
    [ "$(tr -d '\n' < "$work/l.json")" = "[]" ] || fail "losses: $(cat "$work/l.json")"
    grep -q '^test accuracy: ' "$work/out" || fail "no accuracy"
    run --steps 2 --checkpoint "$ck" --resume --losses "$work/l.json"
    [ "$(tr -d '\n' < "$work/l.json")" = "[]" ] || fail "losses: $(cat "$work/l.json")"
    [ "$before" = "$(find "$ck" -type f -exec sha256sum {} + | sort)" ] || fail "the folder has changed"
    ;;
  survives_kills)
    flags="--model mlp --checkpoint $ck --checkpoint-every 1"
    run $flags --steps 1
    newest() { ls "$ck" | sed -n 's/^step-0*//p' | sort -n | tail -n 1; }
    for delay in 0 0.05 0.11 0.02 0.16 0.08; do
      before=$(newest)
      "$digits" $flags --resume --steps 100000000 > /dev/null 2> "$work/err" &
      pid=$!
      for _ in $(seq 3000); do [ "$(newest)" -gt "$before" ] && break; sleep 0.02; done
      sleep $delay
      kill -9 $pid
      wait $pid 2> /dev/null
      saved=$(newest)
      [ "$saved" -gt "$before" ] || fail "nothing was saved"
      run $flags --resume --steps "$saved" --losses "$work/l.json"
      [ "$(count "$work/l.json")" = 0 ] || fail "step $saved had to be trained again"
    done
    [ "$(ls -A "$ck" | wc -l)" -le 5 ] || fail "more is left than the three newest and what was on its way: $(ls -A "$ck")"
    ;;
  ends_in_order_on_interrupt)
    run --steps 1 --checkpoint "$ck"
    "$digits" --checkpoint "$ck" --resume --steps 100000000 > "$work/out" 2> "$work/err" &
    pid=$!
    for _ in $(seq 600); do grep -q '^step 2 ' "$work/out" && break; sleep 0.1; done
    kill -INT $pid
    wait $pid
    status=$?
    [ $status = 130 ] || fail "status $status, wanted 130"
    steps=$(sed -n 's/^interrupted after step //p' "$work/out")
    [ "$(ls "$ck" | tail -n 1)" = "$(printf 'step-%08d' "$steps")" ] || fail "step $steps is not saved: $(ls "$ck")"
    ;;
  damage_is_refused_by_name)
    run --steps 3 --checkpoint "$ck"
    for file in "$ck"/*/*.safetensors; do
      printf '\377' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
    done
    refused R0202 "tensor 'hidden/w" --checkpoint "$ck" --resume --steps 6
    ;;
  no_checkpoint_is_an_error)
    refused R0201 "$ck" --checkpoint "$ck" --resume --steps 6
    mkdir -p "$ck/.step-00000003.tmp"
    refused R0201 "$ck" --checkpoint "$ck" --resume --steps 6
    ;;
  old_checkpoints_are_not_overwritten)
    run --steps 3 --checkpoint "$ck"
    refused R0208 "the newest of step 3" --checkpoint "$ck" --steps 6
    ;;
  other_settings_are_refused)
    run --steps 3 --seed 4 --checkpoint "$ck"
    refused R0215 "its seed is '4', and '1' is wanted" --checkpoint "$ck" --resume --steps 6
    refused R0215 "model" --checkpoint "$ck" --resume --steps 6 --seed 4 --model reference
    refused R0215 "optimizer" --checkpoint "$ck" --resume --steps 6 --seed 4 --optimizer sgd
    refused R0215 "dtype" --checkpoint "$ck" --resume --steps 6 --seed 4 --dtype f64
    run --checkpoint "$ck" --resume --steps 6 --seed 4 --learning-rate 1e-4
    "$digits" --checkpoint "$ck" --resume --seed 4 --init none.safetensors > "$work/out" 2> "$work/err" && fail "--init was taken"
    grep -q -- '--init' "$work/err" "$work/out" || fail "--init is not named"
    ;;
  full_disk_is_reported_and_training_goes_on)
    # A limit on the size of files stands for the full disk; the signal that comes with it is ignored. Compiled code, which
    # is linked in a file in memory, fits into 200 KiB, and a checkpoint in f64 does not.
    (trap '' XFSZ; ulimit -f 200; "$digits" --dtype f64 --steps 20 --checkpoint "$ck" --checkpoint-every 5 > "$work/out" 2> "$work/err")
    status=$?
    [ $status = 1 ] && grep -qF '[KILN-R0207]' "$work/err" || fail "status $status, wanted 1 and KILN-R0207"
    grep -q '^test accuracy: ' "$work/out" || fail "training did not go on"
    [ -z "$(ls -A "$ck")" ] || fail "left behind: $(ls -A "$ck")"
    ;;
  *) fail "no case $case" ;;
esac
