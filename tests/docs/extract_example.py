# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cuts the first C++ block out of a page: extract_example.py PAGE OUTPUT_FOLDER (example_includes.inc, example_body.inc)."""
import pathlib
import re
import sys

page, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
block = re.search(r"```cpp\n(.*?)```", page.read_text(encoding="utf-8"), re.S).group(1)
lines = block.splitlines()
isInclude = lambda line: line.startswith(("#include", "using namespace"))
output.mkdir(parents=True, exist_ok=True)
(output / "example_includes.inc").write_text("\n".join(filter(isInclude, lines)) + "\n")
(output / "example_body.inc").write_text("\n".join(line for line in lines if not isInclude(line)) + "\n")
