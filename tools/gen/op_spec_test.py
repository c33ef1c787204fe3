# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The generator refuses incomplete op entries, by op and file. Usage: op_spec_test.py ALL_OPS_JSON ROOT"""
import copy
import json
import os
import sys
import tempfile
import unittest

import op_docs
import op_spec
import op_table

JSON, ROOT = sys.argv.pop(1), sys.argv.pop(1)


class Entries(unittest.TestCase):
    def read(self, **changes):
        """Reads all ops with fields of matmul's record changed."""
        with open(JSON, encoding='utf-8') as f:
            records = json.load(f)
        records['Kiln_MatmulOp'].update(copy.deepcopy(changes))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'ops.json')
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(records, f)
            return op_spec.read_ops(path, ROOT)

    def refused(self, words, **changes):
        with self.assertRaises(SystemExit) as caught:
            self.read(**changes)
        self.assertIn('ops/contraction/matmul.td: error: op kiln.matmul ' + words, str(caught.exception))

    def test_complete_entries_are_read(self):
        ops = self.read()
        self.assertEqual([op.name for op in ops], sorted(op.name for op in ops))
        matmul = next(op for op in ops if op.name == 'matmul')
        self.assertEqual([o.name for o in matmul.operands], ['a', 'b'])
        self.assertEqual([(a.name, a.kind, a.default) for a in matmul.attributes],
                         [('transpose_a', 'kBool', 'false'), ('transpose_b', 'kBool', 'false')])

    def test_no_derivative(self):
        self.refused('has no derivative', derivative=None)

    def test_no_summary(self):
        self.refused('has no summary', summary='')

    def test_no_constraints(self):
        self.refused('has no constraints', description='It multiplies.')

    def test_builder_needs_fixed_operands(self):
        self.refused('needs `let customBuilder = 1`', customBuilder=0, results={'args': []})

    def test_file_is_named_after_the_op(self):
        with self.assertRaises(SystemExit) as caught:
            self.read(family='reduction')
        message = 'ops/reduction/matmul.td: error: op kiln.matmul is defined in another file'
        self.assertIn(message, str(caught.exception))

    def test_builders_are_declared_in_camel_case(self):
        decls, defs = op_table.builders(self.read())
        self.assertIn('Value logSoftmax(Operand x, int64_t axis = -1);', decls)
        self.assertIn('Value logicalNot(Operand x) {\n'
                      '  return detail::makeOperation("logical_not", {x}, Attributes{});', defs)
        self.assertNotIn('matmul', decls)

    def test_docs_name_every_op(self):
        ops = self.read()
        page = op_docs.page(ops, {})
        for op in ops:
            self.assertIn(f'## kiln.{op.name}\n', page)
        self.assertIn('dresult/dx = `sub(1, mul(result, result))`', page)


if __name__ == '__main__':
    unittest.main()
