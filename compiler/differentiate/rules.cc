// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/rules.h"

#include "compiler/dialect/attributes.h"

namespace kiln::compiler {
namespace {

struct PartialRow {
  const char* op;
  PartialFn partials[3];
};
struct LinearRow {
  const char* op;
  std::vector<unsigned> operands;
};
struct HandRow {
  const char* op;
  JvpFn jvp;
  VjpFn vjp;
};

#include "compiler/differentiate/partials.inc"

template <class Row, size_t N>
const Row* findRow(const Row (&rows)[N], llvm::StringRef op) {
  for (const Row& row : rows) {
    if (op == row.op) {
      return &row;
    }
  }
  return nullptr;
}

llvm::StringRef shortName(mlir::Operation* op) { return op->getName().stripDialect(); }

StatusOr<Value> jvpPartials(JvpContext& context) {
  const PartialFn* partials = partialsOf(shortName(context.op));
  DagBuilder builder(context.b, context.loc, context.op);
  Value sum;
  for (size_t i = 0; i < context.tangents.size(); ++i) {
    if (!context.tangents[i] || partials[i] == nullptr) {
      continue;
    }
    Value term = partials[i](builder, context.tangents[i]);
    sum = sum ? add(context.b, context.loc, sum, term) : term;
  }
  return sum;
}

Status vjpPartials(VjpContext& context) {
  const PartialFn* partials = partialsOf(shortName(context.op));
  DagBuilder builder(context.b, context.loc, context.op);
  for (size_t i = 0; i < context.wanted.size(); ++i) {
    if (context.wanted[i] && partials[i] != nullptr) {
      context.gradients[i] = partials[i](builder, context.cotangent);
    }
  }
  return {};
}

// The op is linear in each of its linear operands. Where one op takes several, it is either bilinear, a sum over the
// operands with the others held (matmul), or linear in all together (concat, select, pad, scatter_add), where zeros
// replace those that have no tangent.
StatusOr<Value> jvpLinear(JvpContext& context) {
  llvm::ArrayRef<unsigned> linear = linearOperandsOf(shortName(context.op));
  const bool isBilinear = llvm::isa<MatmulOp>(context.op);
  const bool isVariadic = schemaOf(context.op)->operands[0].isVariadic;
  llvm::SmallVector<Value> operands(context.op->getOperands());
  auto apply = [&](mlir::ValueRange values) {
    mlir::Operation* clone = context.op->clone();
    clone->setOperands(values);
    context.b.insert(clone);
    return clone->getResult(0);
  };
  if (isBilinear) {
    Value sum;
    for (unsigned i : linear) {
      if (!context.tangents[i]) {
        continue;
      }
      llvm::SmallVector<Value> values = operands;
      values[i] = context.tangents[i];
      Value term = apply(values);
      sum = sum ? add(context.b, context.loc, sum, term) : term;
    }
    return sum;
  }
  for (unsigned i = 0; i < operands.size(); ++i) {
    if (isVariadic || llvm::is_contained(linear, i)) {
      operands[i] = context.tangents[i] ? context.tangents[i] : splatLike(context.b, context.loc, 0.0, operands[i]);
    }
  }
  return apply(operands);
}

}  // namespace

int64_t RuleContext::intAttr(llvm::StringRef name) const {
  Attributes attributes = attributesOf(op, nullptr);
  if (const kiln::Attribute* found = attributes.find(std::string_view(name.data(), name.size()))) {
    return std::get<int64_t>(*found);
  }
  for (const AttributeSpec& spec : schemaOf(op)->attributes) {
    if (name == llvm::StringRef(spec.name.data(), spec.name.size())) {
      return std::get<int64_t>(*spec.defaultValue);
    }
  }
  KILN_CHECK(false);
}

bool RuleContext::boolAttr(llvm::StringRef name) const {
  auto found = op->getAttrOfType<mlir::BoolAttr>(name);
  if (found) {
    return found.getValue();
  }
  for (const AttributeSpec& spec : schemaOf(op)->attributes) {
    if (name == llvm::StringRef(spec.name.data(), spec.name.size())) {
      return std::get<bool>(*spec.defaultValue);
    }
  }
  KILN_CHECK(false);
}

llvm::ArrayRef<int64_t> RuleContext::intsAttr(llvm::StringRef name) const {
  return op->getAttrOfType<mlir::DenseI64ArrayAttr>(name).asArrayRef();
}

const PartialFn* partialsOf(llvm::StringRef op) {
  const PartialRow* row = findRow(kPartialRows, op);
  return row ? row->partials : nullptr;
}

llvm::ArrayRef<unsigned> linearOperandsOf(llvm::StringRef op) {
  const LinearRow* row = findRow(kLinearRows, op);
  return row ? llvm::ArrayRef<unsigned>(row->operands) : llvm::ArrayRef<unsigned>();
}

Rule ruleOf(mlir::Operation* op) {
  const OpSchema* schema = schemaOf(op);
  Rule rule;
  if (schema == nullptr) {
    rule.why = "it is no op of a graph";
    return rule;
  }
  llvm::StringRef name = shortName(op);
  switch (schema->gradient) {
    case GradientKind::kPartials:
      rule.jvp = jvpPartials;
      rule.vjp = vjpPartials;
      break;
    case GradientKind::kLinear:
      rule.jvp = jvpLinear;
      rule.vjp = transposeOf(name);
      break;
    case GradientKind::kRule:
      if (const HandRow* row = findRow(kHandRows, name)) {
        rule.jvp = row->jvp;
        rule.vjp = row->vjp;
      }
      break;
    case GradientKind::kExpansion:
      rule.why = "it was not expanded";
      return rule;
    case GradientKind::kNone:
      rule.why = std::string(schema->noGradientReason);
      return rule;
  }
  if (!rule) {
    rule.why = "the compiler has no rule for it";
  }
  return rule;
}

}  // namespace kiln::compiler
