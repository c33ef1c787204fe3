# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What follows from the formulas of op entries: functors that compute them, and the order in which those are written.

A formula is a dag whose operators are elementwise ops and whose leaves are operands, numbers and float attributes.
"""
import sys

import op_spec


def leaf_number(records, operator):
    """The number that a leaf record stands for, or None."""
    if operator in ('One', 'Zero'):
        return {'One': '1.0', 'Zero': '0.0'}[operator]
    record = records.get(operator)
    return record['number'] if record and 'number' in record else None


class Functors:
    """Writes a functor for each formula op, those that others use first."""

    def __init__(self, ops, records):
        self.by_name = {op.name: op for op in ops}
        self.records = records
        self.written = {}  # op -> text, in order
        self.open = []

    def refuse(self, op, what):
        sys.exit(f'{op.path}: error: the formula of kiln.{op.name} {what}')

    def argument(self, op, pair):
        value, name = pair
        if value is None:
            if name in [o.name for o in op.operands]:
                return f'W({name})'
            if name in [a.name for a in op.attributes if a.kind == 'kFloat']:
                return f'static_cast<W>(static_cast<T>({name}))'
            self.refuse(op, f'names ${name}, which is neither operand nor float attribute')
        if value.get('kind') == 'dag':
            return self.expression(op, value)
        return self.expression(op, {'operator': value, 'args': []})

    def expression(self, op, dag):
        name = dag['operator']['def']
        number = leaf_number(self.records, name)
        if number is not None:
            return f'static_cast<W>({number}L)'
        args = [self.argument(op, pair) for pair in dag['args']]
        if name == 'get':
            return args[0]
        used = self.by_name.get(name)
        if used is None or not (used.scalar or used.formula):
            self.refuse(op, f'uses {name}, which is no elementwise op')
        if used.formula:
            self.write(used)
            # Attributes of the ops inside a formula have their defaults.
            values = ', '.join(f'.{a.name} = {a.default}' for a in used.attributes)
            return f'{op_spec.pascal(name)}Formula{{{values}}}({", ".join(args)})'
        return f'{used.scalar}()({", ".join(args)})'

    def write(self, op):
        if op.name in self.written:
            return
        if op.name in self.open:
            self.refuse(op, 'uses itself')
        self.open.append(op.name)
        body = self.expression(op, op.formula)
        self.open.pop()
        fields = ''.join(f'  double {a.name};\n' for a in op.attributes)
        names = [o.name for o in op.operands]
        parameters = ', '.join(f'T {n}' for n in names)
        self.written[op.name] = (f'struct {op_spec.pascal(op.name)}Formula {{\n{fields}  template <class T>\n'
                                 f'  T operator()({parameters}) const {{\n    using W = std::conditional_t<kIsFloat<T>, Wide<T>, T>;\n'
                                 f'    return static_cast<T>({body});\n  }}\n}};')


def functors(ops, records):
    writer = Functors(ops, records)
    for op in ops:
        if op.formula:
            writer.write(op)
    return list(writer.written.values())
