# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes x.npy, which commands of pages feed: one row of 64 zeros."""
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }"
header += " " * (-(len(header) + 11) % 64) + "\n"
open("x.npy", "wb").write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(256))
