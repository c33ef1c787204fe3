# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the op reference (Markdown) from the op entries."""
import argparse
import json

import op_spec

TOLERANCES = {'kExact': 'the same bits as the reference', 'kUlp': '{} ULP of the result',
              'kSumUlp': '{} ULP of the sum of the magnitudes of the terms'}


# Leaf record -> the number that it stands for.
NUMBERS = {}


def dag_text(dag):
    if dag is None:
        return ''
    operator = dag['operator']['def']
    args = [name if value is None else dag_text(value if value['kind'] == 'dag' else {'operator': value, 'args': []})
            for value, name in dag['args']]
    if operator == 'get':
        return args[0]
    if operator in ('One', 'Zero'):
        return {'One': '1', 'Zero': '0'}[operator]
    return f'{operator}({", ".join(args)})' if args else NUMBERS.get(operator, operator)


def derivative_text(op):
    if op.gradient == 'kPartials':
        return '; '.join(f'd{op.results[0].name}/d{o.name} = `{dag_text(d)}`'
                         for o, d in zip(op.operands, op.derivative['partials']))
    if op.gradient == 'kLinear':
        return 'linear in ' + ', '.join(f'`{n}`' for n in op.derivative['operands'])
    if op.gradient == 'kRule':
        return 'yes'
    if op.gradient == 'kExpansion':
        return 'that of the ops that it expands into'
    return f'none: {op.no_gradient_reason}'


def value_rows(kind, values):
    return [f'| {kind} | `{v.name}`{" ..." if v.variadic else ""} | {v.summary} ({", ".join(v.dtypes)}) |'
            for v in values]


def page(ops, examples):
    out = ['# Ops', '', f'{len(ops)} ops, from the entries in `ops/*/*.td`. Tolerance is how far a compiled result may '
           'be from the reference implementation.', '']
    families = sorted({op.family for op in ops})
    for family in families:
        names = ', '.join(f'[{op.name}](#kiln{op.name})' for op in ops if op.family == family)
        out.append(f'- **{family}**: {names}')
    for family in families:
        for op in (o for o in ops if o.family == family):
            out += ['', f'## kiln.{op.name}', '', f'{op.summary}.', '', op.description, '']
            out += ['| | name | type |', '|---|---|---|']
            out += value_rows('operand', op.operands)
            out += [f'| attribute | `{a.name}` | {a.kind[1:].lower()}'
                    f'{", default " + a.default if a.default is not None else ""} |' for a in op.attributes]
            out += value_rows('result', op.results)
            tolerance = TOLERANCES[op.tolerance[0]].format(op.tolerance[1])
            out += ['', f'Derivative: {derivative_text(op)}. Tolerance: {tolerance}.']
            if op.formula:
                out += ['', f'Formula: `{op.results[0].name} = {dag_text(op.formula)}`.']
            if op.name in examples:
                out += ['', '```', examples[op.name].rstrip(), '```']
    out += dtype_table(ops)
    return '\n'.join(out) + '\n'


def dtype_table(ops):
    """Which element types each op computes with: those of its operands, or of its results where it has no operand of
    that type (random numbers, iota)."""
    columns = list(op_spec.DTYPE_CPP)
    out = ['', '## Element types', '', 'What each op takes (x) and only gives (r); `docs/dtypes.md` says what they may do.',
           '', '| op | ' + ' | '.join(columns) + ' |', '|---|' + '---|' * len(columns)]
    for op in ops:
        taken = {t for o in op.operands for t in o.dtypes}
        given = {t for r in op.results for t in r.dtypes}
        marks = ('x' if t in taken else 'r' if t in given else '' for t in columns)
        out.append(f'| {op.name} | ' + ' | '.join(marks) + ' |')
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('json', help='the output of llvm-tblgen --dump-json for all ops')
    parser.add_argument('--root', required=True, help='the root of the repository')
    parser.add_argument('--examples', required=True, help='the output of op_examples')
    parser.add_argument('--output', required=True)
    args = parser.parse_args()
    with open(args.json, encoding='utf-8') as file:
        NUMBERS.update({name: record['number'] for name, record in json.load(file).items()
                        if isinstance(record, dict) and 'number' in record})
    with open(args.examples, encoding='utf-8') as file:
        examples = json.load(file)
    op_spec.write_if_changed(args.output, page(op_spec.read_ops(args.json, args.root), examples))


if __name__ == '__main__':
    main()
