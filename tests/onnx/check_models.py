#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares Kiln with the outputs that make_models.py stored: check_models.py DIR [--kiln PATH] [--only REGEX].

For each DIR/NAME.onnx one `kiln run` takes all data sets DIR/NAME/size_*, so that one compilation serves all sizes. Equal
means rtol 1e-3, and atol 1e-5 of the largest value. Needs numpy and onnx.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import numpy_helper


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def differs(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, wanted {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "biu":
        return "" if np.array_equal(got, want) else f"{np.sum(got != want)} integers differ"
    largest = np.abs(want).max(initial=0)
    if np.allclose(got, want, rtol=1e-3, atol=1e-5 * max(1, largest), equal_nan=True):
        return ""
    return f"worst {np.abs(got.astype('f8') - want).max():.3g} of {largest:.3g}"


def check(model, kiln):
    """(what is wrong, or "", seconds)"""
    sizes = sorted(model.with_suffix("").glob("size_*"))
    if not sizes:
        return "no data beside it", 0
    with tempfile.TemporaryDirectory() as out:
        command = [kiln, "run", model, "--output", out]
        for size in sizes:
            command += ["--test-data", size]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600)
        seconds = time.monotonic() - began
        if done.returncode:
            return f"status {done.returncode}: {(done.stderr.strip().splitlines() or [''])[0][:300]}", seconds
        for i, size in enumerate(sizes):
            for k in range(len(list(size.glob("output_*.pb")))):
                found = pathlib.Path(out) / (str(i) if len(sizes) > 1 else "") / f"output_{k}.pb"
                wrong = differs(read(found), read(size / f"output_{k}.pb"))
                if wrong:
                    return f"{size.name}, output {k}: {wrong}", seconds
        note = re.search("note: (compiled .*)", done.stderr)
        return (note[1] if note else ""), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--kiln", default="build/bin/kiln")
    parser.add_argument("--only", default="", help="regular expression on the file's name")
    args = parser.parse_args()
    models = [m for m in sorted(args.dir.glob("*.onnx")) if re.search(args.only, m.name)]
    if not models:
        sys.exit(f"no models in {args.dir}")
    wrong = 0
    for model in models:
        why, seconds = check(model, args.kiln)
        wrong += bool(why)
        print(f"{'differs' if why else 'equal':8s} {model.stem:32s} {seconds:6.2f} s  {why}", flush=True)
    print(f"{len(models) - wrong} of {len(models)} equal")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
