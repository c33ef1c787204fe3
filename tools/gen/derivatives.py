# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes what compiler/differentiate needs of the op entries: partials.inc, and the declarations hand_rules.inc.

Each partial derivative becomes a C++ function that multiplies a cotangent or tangent with it: one function serves reverse and
forward mode. Multiplying is folded into the expression (1 gives the tangent itself, 0 nothing, a choice is made between
products), so that no ones are multiplied and no infinity meets a zero.
"""
import argparse
import json
import sys

import op_spec


class Generator:
    def __init__(self, op, operands, attributes):
        self.op = op
        self.operands = operands
        self.attributes = attributes

    def fail(self, what):
        sys.exit(f'kiln.{self.op}: error: derivative {what}')

    def leaf(self, name):
        if name == 'result':
            return 'p.result()'
        if name in self.attributes:
            return f'p.attribute("{name}")'
        if name not in self.operands:
            self.fail(f'names ${name}, which is neither operand nor float attribute')
        return f'p.operand({self.operands.index(name)})'

    def argument(self, pair):
        """An argument of a dag: a nested dag, a record (One), or a named operand ($x)."""
        value, name = pair
        if value is None:
            return ('leaf', name)
        if isinstance(value, dict) and value.get('kind') == 'dag':
            return ('dag', value)
        if isinstance(value, dict) and value.get('kind') == 'def':
            return ('dag', {'operator': value, 'args': []})
        self.fail(f'has an argument that is neither operand nor dag: {value}')

    def split(self, dag):
        return dag['operator']['def'], [self.argument(a) for a in dag['args']]

    def is_operator(self, node, name):
        return node[0] == 'dag' and node[1]['operator']['def'] == name

    def expression(self, node):
        """The value of a node."""
        kind, value = node
        if kind == 'leaf':
            return self.leaf(value)
        operator, args = self.split(value)
        if operator == 'One':
            return 'p.number(1.0)'
        if operator == 'Zero':
            return 'p.number(0.0)'
        number = self.number(operator)
        if number is not None:
            return f'p.number({number})'
        if operator == 'get':
            return self.expression(args[0])
        return f'p.make("{operator}", {{{", ".join(self.expression(a) for a in args)}}})'

    def number(self, operator):
        record = self.records.get(operator)
        return record['number'] if record and 'number' in record else None

    def product(self, node):
        """The value of t times a node, or None for zero."""
        kind, value = node
        if kind == 'leaf':
            return f'p.make("mul", {{t, {self.leaf(value)}}})'
        operator, args = self.split(value)
        if operator == 'One':
            return 't'
        if operator == 'Zero':
            return None
        if operator == 'get':
            return self.product(args[0])
        if operator == 'neg':
            inner = self.product(args[0])
            return None if inner is None else f'p.make("neg", {{{inner}}})'
        if operator == 'div' and (self.is_operator(args[0], 'One') or self.is_number(args[0])):
            return f'p.make("div", {{{self.product(args[0])}, {self.expression(args[1])}}})'
        if operator == 'select':
            yes, no = (self.product(a) or 'p.number(0.0)' for a in args[1:])
            return f'p.make("select", {{{self.expression(args[0])}, {yes}, {no}}})'
        return f'p.make("mul", {{t, {self.expression(node)}}})'

    def is_number(self, node):
        return node[0] == 'dag' and self.number(node[1]['operator']['def']) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('json')
    parser.add_argument('--output', required=True)
    parser.add_argument('--hand-rules', required=True)
    options = parser.parse_args()
    with open(options.json, encoding='utf-8') as file:
        records = json.load(file)
    Generator.records = records
    functions, rows, declarations = [], [], []
    for name in sorted(records['!instanceof']['Kiln_Op']):
        record = records[name]
        derivative = records[record['derivative']['def']]
        op = record['opName']
        operands = [a[1] for a in record['arguments']['args']
                    if 'TypeConstraint' in records[a[0]['def']]['!superclasses']]
        if derivative['kind'] == 'linear':
            positions = []
            for operand in derivative['operands']:
                if operand not in operands:
                    sys.exit(f'kiln.{op}: error: linear in {operand}, which is no operand')
                positions.append(operands.index(operand))
            rows.append(('linear', op, f'{{{", ".join(map(str, positions))}}}'))
        if derivative['kind'] == 'cpp' and record['hasReference']:  # the differentiation itself handles the others
            function = op_spec.pascal(op)
            declarations += [f'StatusOr<Value> jvp{function}(JvpContext& context);',
                             f'Status vjp{function}(VjpContext& context);']
            rows.append(('cpp', op, f'jvp{function}, vjp{function}'))
        if derivative['kind'] != 'partials':
            continue
        attributes = [a[1] for a in record['arguments']['args'] if a[1] not in operands]
        generator = Generator(op, operands, attributes)
        if len(derivative['partials']) != len(operands):
            generator.fail(f'has {len(derivative["partials"])} partials for {len(operands)} operands')
        pointers = []
        for i, dag in enumerate(derivative['partials']):
            body = generator.product(('dag', dag))
            if body is None:
                pointers.append('nullptr')
                continue
            functions.append(f'Value {op}Partial{i}(DagBuilder& p, Value t) {{ return {body}; }}')
            pointers.append(f'{op}Partial{i}')
        rows.append(('partials', op, f'{{{", ".join(pointers)}}}'))
    text = ['// Written by tools/gen/derivatives.py.', *functions, 'const PartialRow kPartialRows[] = {']
    text += [f'    {{"{op}", {value}}},' for kind, op, value in rows if kind == 'partials']
    text += ['};', 'const LinearRow kLinearRows[] = {']
    text += [f'    {{"{op}", {value}}},' for kind, op, value in rows if kind == 'linear']
    text += ['};', 'const HandRow kHandRows[] = {']
    text += [f'    {{"{op}", {value}}},' for kind, op, value in rows if kind == 'cpp']
    text += ['};', '']
    op_spec.write_if_changed(options.output, '\n'.join(text))
    op_spec.write_if_changed(options.hand_rules, '\n'.join(['// Written by tools/gen/derivatives.py.', *declarations, '']))


if __name__ == '__main__':
    main()
