#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference of docs/train.md from the comments of the .proto: list_fields.py PROTO [--check PAGE | --write PAGE]."""
import re
import sys

BEGIN = "<!-- fields: written by tests/train/list_fields.py from train_config.proto -->\n"
END = "<!-- end of fields -->\n"


def messages(text):
    """(name, comment, [(field, type, default, comment)]) of each message, in order."""
    result, comment, current = [], [], None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("//"):
            comment.append(line[2:].strip())
            continue
        if match := re.match(r"message (\w+) \{(\})?", line):
            current = (match[1], " ".join(comment), [])
            result.append(current)
        elif match := re.match(r"(?:(optional|repeated) )?([\w.]+) (\w+) = \d+(?: \[default = (.*)\])?;", line):
            kind = match[2] + (", repeated" if match[1] == "repeated" else "")
            current[2].append((match[3], kind, match[4] or "", " ".join(comment)))
        comment = []
    return result


def page(text):
    out = []
    for name, comment, fields in messages(text):
        if not fields:
            continue
        out.append(f"### {name}\n")
        if comment and "SPDX" not in comment:
            out.append(f"{comment}\n")
        out.append("| field | type | default | |\n|---|---|---|---|")
        for field, kind, default, what in fields:
            kind = re.sub(r"^([A-Z]\w+)", r"[\1](#\g<1>)" if not kind.startswith("Nothing") else "{}", kind)
            kind = re.sub(r"\(#(\w+)\)", lambda m: f"(#{m[1].lower()})", kind)
            out.append(f"| `{field}` | {kind} | {f'`{default}`' if default else ''} | {what} |")
        out.append("")
    return BEGIN + "\n" + "\n".join(out) + "\n" + END


def main():
    made = page(open(sys.argv[1], encoding="utf-8").read())
    if len(sys.argv) < 4:
        sys.stdout.write(made)
        return 0
    path = sys.argv[3]
    text = open(path, encoding="utf-8").read()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    if sys.argv[2] == "--write":
        open(path, "w", encoding="utf-8").write(text[:begin] + made + text[end:])
        return 0
    if text[begin:end] != made:
        print(f"{path} is not what {sys.argv[1]} says: python3 {sys.argv[0]} {sys.argv[1]} --write {path}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
