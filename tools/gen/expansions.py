# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes compiler/simplify/expansions.inc, the table of all composite ops with the functions of those that are formulas,
and expansion_decls.inc, the declarations of the functions of the others."""
import argparse
import json
import sys

import formulas
import op_spec

HEADER = '// Written by tools/gen/expansions.py.'


class Formula:
    """The code that makes the ops of one formula."""

    def __init__(self, op, records):
        self.op = op
        self.records = records

    def argument(self, pair):
        value, name = pair
        if value is None:
            operands = [o.name for o in self.op.operands]
            return f'd.operand({operands.index(name)})' if name in operands else f'd.attribute("{name}")'
        return self.expression(value if value.get('kind') == 'dag' else {'operator': value, 'args': []})

    def expression(self, dag):
        operator = dag['operator']['def']
        number = formulas.leaf_number(self.records, operator)
        if number is not None:
            return f'd.number({number})'
        args = [self.argument(pair) for pair in dag['args']]
        return args[0] if operator == 'get' else f'd.make("{operator}", {{{", ".join(args)}}})'

    def function(self):
        return (f'llvm::SmallVector<Value> expand{op_spec.pascal(self.op.name)}(mlir::OpBuilder& b, mlir::Operation* op) '
                f'{{\n  DagBuilder d(b, op->getLoc(), op);\n  return {{{self.expression(self.op.formula)}}};\n}}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('json', help='the output of llvm-tblgen --dump-json for all ops')
    parser.add_argument('--root', required=True, help='the root of the repository')
    parser.add_argument('--output', required=True)
    parser.add_argument('--declarations', required=True)
    args = parser.parse_args()
    ops = [op for op in op_spec.read_ops(args.json, args.root) if op.composite]
    with open(args.json, encoding='utf-8') as file:
        records = json.load(file)
    out = [HEADER] + [Formula(op, records).function() for op in ops if op.formula]
    out.append('constexpr ExpansionRow kExpansions[] = {')
    out += [f'    {{"{op.name}", expand{op_spec.pascal(op.name)}}},' for op in ops]
    out += ['};', '']
    op_spec.write_if_changed(args.output, '\n'.join(out))
    declarations = [f'llvm::SmallVector<Value> expand{op_spec.pascal(op.name)}(mlir::OpBuilder& b, mlir::Operation* op);'
                    for op in ops if not op.formula]
    op_spec.write_if_changed(args.declarations, '\n'.join([HEADER, *declarations, '']))


if __name__ == '__main__':
    sys.exit(main())
