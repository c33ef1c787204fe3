# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a test of each C++ block of a page that has a line `<!-- check NAME: CONDITION -->` before it, and of the blocks of
includes what stands before them: extract_tests.py PAGE SUITE OUTPUT.cc"""
import pathlib
import re
import sys

page, suite, output = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
text = page.read_text(encoding="utf-8")
blocks = re.findall(r"(?:<!-- check (\w+): (.*?) -->\n)?```cpp\n(.*?)```", text, re.S)
head = ["// Cut out of a page by the build.", "#include <gtest/gtest.h>", "", "#include <cmath>", ""]
tests = []
for name, condition, block in blocks:
    if not name:
        bad = [line for line in block.splitlines() if not line.startswith(("#include", "using namespace"))]
        if bad:
            sys.exit(f"{page}: a block without a check line: {bad[0]}")
        head += block.splitlines()
        continue
    tests.append(f"TEST({suite}, {name}) {{\n{block}  EXPECT_TRUE({condition});\n}}\n")
output.parent.mkdir(parents=True, exist_ok=True)
output.write_text("\n".join(head) + "\n\nnamespace {\n\n" + "\n".join(tests) + "\n}  // namespace\n")
