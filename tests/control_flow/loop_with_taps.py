# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the example and compares its three files with loops in Python: loop_with_taps.py PROGRAM"""
import pathlib
import random
import struct
import subprocess
import sys
import tempfile


def write(path, rows):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    body = b"".join(struct.pack("<d", value) for row in rows for value in row)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body)


def read(path):
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    shape = eval(data[10:10 + length])["shape"]
    body = data[10 + length:]
    return shape, struct.unpack(f"<{len(body) // 8}d", body)


def product(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(column) for column in zip(*a)]


def check(path, shape, want):
    found, values = read(path)
    want = [value for row in want for value in row]
    assert found == shape, f"{path.name}: shape {found}, wanted {shape}"
    worst = max((abs(a - b) for a, b in zip(values, want)), default=0)
    assert len(values) == len(want) and worst < 1e-12, f"{path.name}: worst difference {worst}"


random.seed(3)
w = [[random.gauss(0, 0.5) for _ in range(4)] for _ in range(4)]
x = [[random.gauss(0, 1) for _ in range(4)] for _ in range(2)]
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    write(folder / "w.npy", w)
    write(folder / "x.npy", x)
    for steps in (5, 1, 0):
        subprocess.run([sys.argv[1], "--w", folder / "w.npy", "--x", folder / "x.npy", "--steps", str(steps), "--output",
                        folder / "out"], check=True)
        states = [x]
        for _ in range(steps):
            states.append(product(states[-1], w))
        cotangent, dw = [[1.0] * 4] * 2, [[0.0] * 4 for _ in range(4)]
        for h in reversed(states[:-1]):
            dw = [[a + b for a, b in zip(r, s)] for r, s in zip(dw, product(transposed(h), cotangent))]
            cotangent = product(cotangent, transposed(w))
        check(folder / "out" / "final.npy", (2, 4), states[-1])
        check(folder / "out" / "taps.npy", (steps, 2, 4), [row for h in states[1:] for row in h])
        check(folder / "out" / "dw.npy", (4, 4), dw)
