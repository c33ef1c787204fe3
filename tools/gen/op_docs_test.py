# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of all ops says everything of every op. Usage: op_docs_test.py ALL_OPS_JSON ROOT OPS_MD"""
import re
import sys

import op_spec

SECTIONS = {
    'constraints': r'^- \(C1\) ',
    'types of operands and results': r'^\| (operand|result) \| `\w+`( \.\.\.)? \| .+ \(.+\) \|$',
    'derivative': r'^Derivative: \S',
    'tolerance': r'Tolerance: \S',
}
EXAMPLE = r'^```\n\w+\(.*\)\n(  \w+ = .+\n)+```$'


def main():
    json_path, root, page_path = sys.argv[1:]
    with open(page_path, encoding='utf-8') as file:
        parts = re.split(r'^## kiln\.(\w+)$', file.read(), flags=re.M)
    page = dict(zip(parts[1::2], parts[2::2]))
    problems = []
    for op in op_spec.read_ops(json_path, root):
        text = page.get(op.name)
        if text is None:
            problems.append(f'kiln.{op.name} is not on the page')
            continue
        wanted = dict(SECTIONS)
        if op.has_reference:
            wanted['example'] = EXAMPLE
        if not op.operands and not op.results:
            del wanted['types of operands and results']
        problems += [f'kiln.{op.name}: the page lacks its {what}' for what, pattern in wanted.items()
                     if not re.search(pattern, text, flags=re.M)]
    if problems:
        sys.exit('\n'.join(problems))
    print(f'{len(page)} ops are documented')


if __name__ == '__main__':
    main()
