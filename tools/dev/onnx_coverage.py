#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes docs/onnx_operators.md: which operators of ONNX Kiln imports, and what is left out and why.

onnx_coverage.py [VERDICTS.json]. The operators are those of the installed `onnx` package, the converters those of
graph/io/onnx. VERDICTS.json holds the operator suite's verdicts, {"cases": {"kind/name": {"runner": "pass", "runner_why":
...}}}; with it, every case that does not pass is listed too.
"""

import collections
import json
import pathlib
import re
import sys

import onnx.defs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOMAINS = ["", "ai.onnx.preview", "ai.onnx.preview.training"]

# Why an operator has no converter; the first pattern that fits.
REASONS = [
    (r"^(Sequence|SplitToSequence|ConcatFromSequence|ReverseSequenceOfTensors)", "sequences of tensors are no values of a graph"),
    (r"^Optional", "optional values are no values of a graph"),
    (r"^(String|RegexFullMatch|TfIdf)", "text is prepared before the model, not in it"),
    (r"^ImageDecoder$", "pictures are decoded before the model, not in it"),
]
MODEL_REASONS = [
    (r"ai_onnx_ml", "classical machine learning (ai.onnx.ml) is another library's work"),
    (r"sequence|_seq\b|_seq_", "sequences of tensors are no values of a graph"),
    (r"optional|_opt\b", "optional values are no values of a graph"),
    (r"string|strnorm|regex|tfidf", "text is prepared before the model, not in it"),
    (r"image_decoder", "pictures are decoded before the model, not in it"),
]
RANDOM = re.compile(r"bernoulli|training_dropout")


def converters():
    found = set()
    for path in sorted((ROOT / "graph/io/onnx").glob("*_converters*.cc")):
        found.update(re.findall(r'\{\s*"([A-Z]\w+)",\s*[\[&A-Za-z]', path.read_text()))
    return found


def reason(op):
    return next((why for pattern, why in REASONS if re.search(pattern, op)), "not done yet")


def main():
    known = converters()
    lines = ["# ONNX operators", "",
             "Written by `tools/dev/onnx_coverage.py`; docs/onnx.md tells how models are imported.", ""]
    for domain in DOMAINS:
        schemas = sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == domain and not s.deprecated})
        have = [op for op in schemas if op in known]
        lack = [op for op in schemas if op not in known]
        lines += [f"## {domain or 'ai.onnx'}: {len(have)} of {len(schemas)}", "", ", ".join(have) + ".", ""]
        if lack:
            lines += ["Left out, and refused by name:", "", "| operator | why |", "|---|---|"]
            lines += [f"| {op} | {reason(op)} |" for op in lack] + [""]
    lines += ["## ai.onnx.ml", "", "Left out as a whole: classical machine learning is another library's work.", ""]
    if len(sys.argv) > 1:
        cases = json.loads(pathlib.Path(sys.argv[1]).read_text())["cases"]
        kinds = collections.Counter(name.split("/")[0] for name in cases)
        passed = collections.Counter(name.split("/")[0] for name, c in cases.items() if c["runner"] == "pass")
        lines += ["## The official operator suite", "",
                  f"onnx 1.22: {sum(passed.values())} of {sum(kinds.values())} cases pass.", "",
                  "| kind | cases | pass |", "|---|---|---|"]
        lines += [f"| {kind} | {count} | {passed[kind]} |" for kind, count in kinds.items()]
        groups = collections.defaultdict(list)
        for name, case in cases.items():
            if case["runner"] == "pass":
                continue
            why = case.get("runner_why", "")
            if RANDOM.search(name):
                text = "expects the random draws of NumPy, which no other generator makes"
            elif case["runner"] == "unsupported":
                text = next((r for p, r in MODEL_REASONS if re.search(p, name)), why)
            else:
                text = "differs beyond the tolerance" + (", by less than 1e-5" if why.startswith("near") else "")
            groups[text].append(name.split("/")[1].removeprefix("test_"))
        lines += ["", "What does not pass:", "", "| why | cases |", "|---|---|"]
        lines += [f"| {why} | {', '.join(names)} |" for why, names in sorted(groups.items(), key=lambda g: -len(g[1]))]
        lines += [""]
    (ROOT / "docs/onnx_operators.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
