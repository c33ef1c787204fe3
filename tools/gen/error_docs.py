# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of every error: error_docs.py error_ids.def OUTPUT.md"""
import pathlib
import re
import sys

ROW = re.compile(r'^KILN_ERROR\((\w+), (\w+), (".*?"),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M | re.S)


def joined(literals):
    """The text of adjacent C string literals."""
    return "".join(part.encode().decode("unicode_escape") for part in re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def main():
    source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    lines = ["# Errors", "", "What `kiln explain ID` prints, for every id. `...` stands for what was found or wanted.", ""]
    for name, code, text, page in sorted(ROW.findall(source.read_text(encoding="utf-8"))):
        message = re.sub(r"\$\d", "...", joined(text))
        lines += [f"## KILN-{name}", "", f"*{code}*: `{message}`", "", joined(page), ""]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
