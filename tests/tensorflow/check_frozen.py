#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs frozen TensorFlow graphs by `kiln run` and by TensorFlow, and compares what they give.

Needs a Python that has TensorFlow. Each model of frozen_models.py runs with two batch sizes (and lengths); values agree
when they differ by at most rtol * |value| + atol * largest |value|.

    tests/tensorflow/check_frozen.py --kiln build/bin/kiln [--only REGEX] [--keep DIR]
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

try:
    import numpy as np
    import tensorflow as tf
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

import frozen_models

RTOL, ATOL = 1e-3, 1e-5


def expected(graph_def, outputs, feeds):
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        return session.run([f"{name}:0" for name in outputs], {f"{name}:0": value for name, value in feeds.items()})


def file_name(name):
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def differ(got, wanted):
    """What is wrong, or nothing."""
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return f"{got.dtype}{list(got.shape)}, wanted {wanted.dtype}{list(wanted.shape)}"
    if wanted.size == 0 or not np.issubdtype(wanted.dtype, np.floating):
        return "" if np.array_equal(got, wanted) else f"{np.sum(got != wanted)} of {wanted.size} values differ"
    error = np.abs(got - wanted)
    bound = RTOL * np.abs(wanted) + ATOL * np.max(np.abs(wanted))
    return "" if np.all(error <= bound) else f"largest difference {error.max():.3g} of {np.abs(wanted).max():.3g}"


def check(name, kiln, folder):
    graph_def, outputs, make_feeds = frozen_models.MODELS[name]()
    path = os.path.join(folder, f"{name}.pb")
    with open(path, "wb") as file:
        file.write(graph_def.SerializeToString())
    for batch in (2, 3):
        feeds = make_feeds(batch)
        wanted = expected(graph_def, outputs, feeds)
        command = [kiln, "run", path, "--output", os.path.join(folder, f"{name}_{batch}")]
        for output in outputs:
            command += ["--fetch", output]
        for feed, value in feeds.items():
            file = os.path.join(folder, f"{name}_{batch}_{file_name(feed)}.npy")
            np.save(file, value)
            command += ["--feed", f"{feed}=@{file}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if run.returncode != 0:
            return f"batch {batch}: exit status {run.returncode}: {run.stderr.strip()[:2000]}"
        for output, value in zip(outputs, wanted):
            got = np.load(os.path.join(folder, f"{name}_{batch}", f"{file_name(output)}.npy"))
            if why := differ(got, value):
                return f"batch {batch}: '{output}': {why}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kiln", default="build/bin/kiln", help="the program to test")
    parser.add_argument("--only", default="", help="models whose name has a match of this expression")
    parser.add_argument("--keep", default="", help="folder for the graphs and values; a temporary one by default")
    options = parser.parse_args()
    names = [name for name in frozen_models.MODELS if re.search(options.only, name)]
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        os.makedirs(folder, exist_ok=True)
        for name in names:
            why = check(name, options.kiln, folder)
            failed += why != ""
            print(f"{'FAIL' if why else 'ok  '} {name}{': ' + why if why else ''}", flush=True)
    print(f"{len(names) - failed} of {len(names)} models agree with TensorFlow")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
