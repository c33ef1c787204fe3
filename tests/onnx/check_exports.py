#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_exports.py EXPORT_MODELS [FOLDER] [NAME...]: exports Kiln's example models and graphs of one op each, checks
them with onnx.checker and runs them with ONNX Runtime; outputs must be those of Kiln's reference interpreter. The models
go to FOLDER, or to one that is removed at the end.

Needs the Python packages onnx, onnxruntime and numpy; without them it says so and ends with status 77, a skip."""
import json
import os
import subprocess
import sys
import tempfile

SKIP = 77
try:
    import numpy as np
    import onnx
    import onnxruntime as ort
except ImportError as missing:
    print(f"skipped: no Python package '{missing.name}'")
    sys.exit(SKIP)

RTOL, ATOL = 1e-4, 1e-5


def load(folder, stem, count):
    return [np.load(os.path.join(folder, f"{stem}_{i}.npy")) for i in range(count)]


def check(folder):
    """What is wrong with the case, or None; and why it was checked only, when ONNX Runtime has no kernel for a node."""
    path = os.path.join(folder, "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except ort.capi.onnxruntime_pybind11_state.NotImplemented as error:
        return None, str(error).splitlines()[0]
    inputs = load(folder, "input", len(model.graph.input))
    wanted = load(folder, "output", len(model.graph.output))
    feeds = {port.name: value for port, value in zip(session.get_inputs(), inputs, strict=True)}
    for port, got, want in zip(session.get_outputs(), session.run(None, feeds), wanted, strict=True):
        if got.dtype != want.dtype or got.shape != want.shape:
            return f"{port.name} is {got.dtype}{list(got.shape)}, wanted {want.dtype}{list(want.shape)}", None
        if got.dtype.kind == "f":
            scale = np.max(np.abs(want[np.isfinite(want)]), initial=0)
            if not np.allclose(got, want, rtol=RTOL, atol=ATOL * max(scale, 1e-3), equal_nan=True):
                worst = np.nanmax(np.abs(got.astype("f8") - want.astype("f8")))
                return f"{port.name} differs by {worst:g} where the largest value is {scale:g}", None
        elif not np.array_equal(got, want):
            return f"{port.name} is {got.ravel()[:8]}, wanted {want.ravel()[:8]}", None
    return None, None


def run(exporter, folder, chosen):
    if subprocess.run([exporter, folder], check=False).returncode != 0:
        return 1
    names, failed, unrun = sorted(os.listdir(folder)), 0, 0
    for name in chosen or names:
        try:
            wrong, reason = check(os.path.join(folder, name))
        except Exception as error:  # pylint: disable=broad-except
            wrong, reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", None
        if wrong:
            failed += 1
            print(f"FAILED {name}: {wrong}")
        if reason:
            unrun += 1
            print(f"checked only: {name}: {reason}")
    print(json.dumps({"cases": len(chosen or names), "failed": failed, "checked only": unrun}))
    return 1 if failed else 0


def main():
    os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"  # For operator sets newer than the runtime's last release.
    if len(sys.argv) > 2:
        return run(sys.argv[1], sys.argv[2], sys.argv[3:])
    with tempfile.TemporaryDirectory(prefix="kiln_exports_") as folder:
        return run(sys.argv[1], folder, [])


if __name__ == "__main__":
    sys.exit(main())
