#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a compiler does not check: licences, links, listed sources, room READMEs, completeness of errors and passes.

Prints one line a finding and exits 1 when there is any. The arrows between rooms are checked by CMake at configure time.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = {".cc", ".h", ".c", ".td", ".py", ".sh", ".proto", ".def", ".mlir"}
findings = []


def tracked():
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def report(path, line, text):
    findings.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def check_text(files):
    put_off = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    for path in files:
        if path.suffix not in SOURCE:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        if not any("SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception" in line for line in lines[:3]):
            report(path, 1, "no SPDX licence line")
        for number, line in enumerate(lines, 1):
            if put_off.search(line):
                report(path, number, "work put off: do it, or leave it out and say so in the room's README")
            if len(line) > 160 and path.suffix in {".cc", ".h"}:
                report(path, number, f"line of {len(line)} characters")


def check_listed(files):
    for path in files:
        if path.suffix not in {".cc", ".c"}:
            continue
        folder, relative = path.parent, path.name
        while folder != ROOT.parent:
            cmake = folder / "CMakeLists.txt"
            if cmake.is_file() and (relative in (text := cmake.read_text()) or re.search(r"GLOB[^)]*\*\.cc", text)):
                break
            relative, folder = f"{folder.name}/{relative}", folder.parent
        else:
            report(path, 1, "is in no CMakeLists.txt")


def check_readmes(files):
    rooms = {path.parent for path in files if path.name == "CMakeLists.txt" and path.parent != ROOT}
    for room in sorted(rooms):
        if "kiln_library" in (room / "CMakeLists.txt").read_text() and not (room / "README.md").is_file():
            report(room / "CMakeLists.txt", 1, "the room has no README.md")
    for path in files:
        if path.suffix != ".md":
            continue
        is_code = False  # lambdas look like links
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            is_code ^= line.lstrip().startswith("```")
            if is_code:
                continue
            for target in re.findall(r"\]\(([^)#:]+)\)", line):
                if not (path.parent / target).exists():
                    report(path, number, f"link to {target}, which is not there")


def check_errors(files):
    table = ROOT / "proto/base/error_ids.def"
    ids = re.findall(r"^KILN_ERROR\((\w+),", table.read_text(), re.M)
    for name in sorted({i for i in ids if ids.count(i) > 1}):
        report(table, 1, f"error id {name} twice")
    tests = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in files if "test" in str(p.relative_to(ROOT)))
    code = "\n".join(p.read_text(encoding="utf-8") for p in files if p.suffix in {".cc", ".h"})
    for name in ids:
        if name not in tests:
            report(table, 1, f"no test triggers {name}")
        if f"k{name}" not in code:
            report(table, 1, f"nothing reports {name}")


def check_passes(files):
    for path in files:
        if path.name != "passes.td":
            continue
        phase = path.parent.name
        for name in re.findall(r'Kiln_Pass<"kiln-([\w-]+)"', path.read_text()):
            test = ROOT / "tests/passes" / phase / (name.replace("-", "_") + ".mlir")
            if not test.is_file():
                report(path, 1, f"pass kiln-{name} has no {test.relative_to(ROOT)}")


def main():
    files = tracked()
    for check in (check_text, check_listed, check_readmes, check_errors, check_passes):
        check(files)
    print("\n".join(findings) or f"{len(files)} files: nothing found")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
