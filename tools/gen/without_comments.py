# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Copies a generated C++ file without its `///` comments, and leaves an equal file alone: an edited description of an op
must not compile the compiler again. Usage: without_comments.py FROM TO"""
import sys

import op_spec

with open(sys.argv[1], encoding='utf-8') as file:
    lines = [line for line in file if not line.lstrip().startswith('///')]
op_spec.write_if_changed(sys.argv[2], ''.join(lines))
