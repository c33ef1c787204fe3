# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads the op entries (ops/*/*.td) from `llvm-tblgen --dump-json` and refuses incomplete ones."""
import json
import os
import sys

# MLIR attribute class -> (AttributeKind, C++ type of builder parameters). Other classes are refused.
ATTRIBUTE_KINDS = {
    'I64Attr': ('kInt', 'int64_t'),
    'F64Attr': ('kFloat', 'double'),
    'BoolAttr': ('kBool', 'bool'),
    'StrAttr': ('kString', 'std::string'),
    'TypeAttr': ('kDType', 'DType'),
    'DenseI64ArrayAttr': ('kInts', 'std::vector<int64_t>'),
    'ElementsAttr': ('kTensor', 'TensorPtr'),
    'FlatSymbolRefAttr': ('kFunction', 'std::string'),
    'Kiln_FunctionsAttr': ('kFunctions', 'std::vector<std::string>'),
    'Kiln_ShapeAttr': ('kShape', 'Shape'),
}
DTYPE_CPP = {'f16': 'Half', 'bf16': 'BFloat16', 'f32': 'float', 'f64': 'double', 'bool': 'bool'}
DTYPE_CPP |= {f'{sign}{bits}': f'{name}{bits}_t' for sign, name in (('i', 'int'), ('u', 'uint')) for bits in (8, 16, 32, 64)}
DERIVATIVE_KINDS = {'partials': 'kPartials', 'linear': 'kLinear', 'cpp': 'kRule', 'expansion': 'kExpansion',
                    'none': 'kNone'}
TOLERANCE_KINDS = {'exact': 'kExact', 'ulp': 'kUlp', 'sum_ulp': 'kSumUlp'}


class Value:
    """An operand or result."""

    def __init__(self, name, dtypes, summary, variadic):
        self.name = name.rstrip('_')  # MLIR reserves some names, so entries append an underscore
        self.dtypes = dtypes
        self.summary = summary
        self.variadic = variadic


class Attr:
    def __init__(self, name, mlir_class, default):
        self.name = name
        self.kind, self.cpp_type = ATTRIBUTE_KINDS[mlir_class]
        self.default = default  # C++ text, or None


class Op:
    def __init__(self, records, record, problems):
        self.name = record['opName']
        self.family = record['family']
        self.path = f'ops/{self.family}/{self.name}.td'
        self.summary = (record.get('summary') or '').strip()
        self.description = clean(record.get('description') or '')
        self.scalar = record['scalar']
        self.composite = bool(record['composite'])
        self.library = bool(record['library'])
        self.formula = record['formula'] if record['formula']['operator']['def'] != 'none' else None
        self.may_fault = bool(record['mayFault'])
        self.custom_builder = bool(record['customBuilder'])
        self.has_reference = bool(record['hasReference'])
        self.sweep = record['sweep']
        self.example = record['example'].strip()
        self.since = record['since']
        parents = record['!superclasses']
        generics = ('Unary', 'Binary', 'Ternary', 'Compare', 'Test', 'Formula')
        self.generic = next((g for g in generics if f'Kiln_{g}Op' in parents), None)

        def refuse(what):
            problems.append(f'{self.path}: error: op kiln.{self.name} {what}')

        if not self.summary:
            refuse('has no summary: add `let summary = "..."`')
        if '(C1)' not in self.description:
            refuse('has no constraints: list them in the description as `- (C1) ...`')
        tolerance = records[record['tolerance']['def']]
        self.tolerance = (TOLERANCE_KINDS[tolerance['kind']], tolerance['amount'])
        self.gradient, self.no_gradient_reason, self.derivative = None, '', None
        if record['derivative'] is None:
            refuse('has no derivative: write Partials, Linear, RuleInCpp or NotDifferentiable<"reason">')
        else:
            self.derivative = records[record['derivative']['def']]
            self.gradient = DERIVATIVE_KINDS[self.derivative['kind']]
            self.no_gradient_reason = self.derivative.get('reason', '')

        self.operands, self.attributes, self.results = [], [], []
        for argument, name in record['arguments']['args']:
            held = records[argument['def']]
            if 'AttrConstraint' in held['!superclasses']:
                self.attributes.append(self.read_attribute(records, argument['def'], held, name, refuse))
            else:
                self.operands.append(read_value(records, held, name, refuse))
        for result, name in record['results']['args']:
            self.results.append(read_value(records, records[result['def']], name, refuse))
        self.attributes = [a for a in self.attributes if a]
        known = {v.name for v in self.operands + self.results}
        if self.gradient == 'kPartials' and len(self.derivative['partials']) != len(self.operands):
            refuse(f"has {len(self.derivative['partials'])} partial derivatives for {len(self.operands)} operands")
        if self.gradient == 'kLinear' and not set(self.derivative['operands']) <= known:
            refuse(f"is linear in {self.derivative['operands']}, but its operands are {sorted(known)}")
        if self.gradient == 'kExpansion' and not self.composite:
            refuse('has the derivative ThroughExpansion, but is no composite')
        if not self.custom_builder and (any(o.variadic for o in self.operands) or not self.results):
            refuse('needs `let customBuilder = 1`: builders are generated for fixed operands and at least one result')

    def read_attribute(self, records, held_name, held, name, refuse):
        default = None
        if 'DefaultValuedAttr' in held['!superclasses']:
            default = held['defaultValue']
            held_name = held['baseAttr']['def']
        if held_name not in ATTRIBUTE_KINDS:
            refuse(f"attribute '{name}' has the class {held_name}; known are {', '.join(sorted(ATTRIBUTE_KINDS))}")
            return None
        return Attr(name, held_name, default)


def read_value(records, held, name, refuse):
    variadic = 'Variadic' in held['!superclasses']
    if variadic:
        held = records[held['baseType']['def']]
    if 'dtypes' not in held:
        refuse(f"'{name}' has a type that is no Kiln_TensorOf")
        return Value(name, [], '', variadic)
    return Value(name, held['dtypes'], held['dtypeSummary'], variadic)


def clean(text):
    """Removes the indentation that all lines share."""
    lines = text.strip('\n').rstrip().split('\n')
    indent = min((len(l) - len(l.lstrip()) for l in lines if l.strip()), default=0)
    return '\n'.join(l[indent:].rstrip() for l in lines)


def read_ops(json_path, root):
    """All ops, sorted by name. Ends the program with one line for each problem when an entry is not complete."""
    with open(json_path, encoding='utf-8') as f:
        records = json.load(f)
    problems = []
    ops = [Op(records, records[name], problems) for name in records['!instanceof']['Kiln_Op']]
    for op in ops:
        if not os.path.exists(os.path.join(root, op.path)):
            problems.append(f'{op.path}: error: op kiln.{op.name} is defined in another file; file name and folder are '
                            f'its name and family')
    if problems:
        sys.exit('\n'.join(problems))
    return sorted(ops, key=lambda op: op.name)


def write_if_changed(path, text):
    """Keeps the time stamp of an equal file, so that nothing is compiled again."""
    try:
        with open(path, encoding='utf-8') as f:
            if f.read() == text:
                return
    except OSError:
        pass
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def camel(name):
    head, *tail = name.split('_')
    return head + ''.join(word.capitalize() for word in tail)


def pascal(name):
    return ''.join(word.capitalize() for word in name.split('_'))
