// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/schema.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/op_table.inc"

namespace kiln {
namespace {

std::string describeKind(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kInt:
      return "an integer";
    case AttributeKind::kFloat:
      return "a float";
    case AttributeKind::kBool:
      return "a bool";
    case AttributeKind::kString:
      return "a string";
    case AttributeKind::kDType:
      return "a dtype";
    case AttributeKind::kShape:
      return "a shape";
    case AttributeKind::kTensor:
      return "a tensor";
    case AttributeKind::kInts:
      return "a list of integers";
    case AttributeKind::kFunction:
      return "the name of a function";
    case AttributeKind::kFunctions:
      return "a list of names of functions";
  }
  return "";
}

AttributeKind kindOf(const Attribute& attribute) {
  // In the order of Attribute's alternatives.
  constexpr AttributeKind kKinds[] = {AttributeKind::kInt,    AttributeKind::kFloat, AttributeKind::kBool,
                                      AttributeKind::kString, AttributeKind::kDType, AttributeKind::kShape,
                                      AttributeKind::kTensor, AttributeKind::kInts,  AttributeKind::kFunctions};
  static_assert(std::size(kKinds) == std::variant_size_v<Attribute>);
  return kKinds[attribute.index()];
}

Status checkAttributes(const OpSchema& op, Attributes& attributes) {
  for (const auto& [name, value] : attributes) {
    const bool known =
        std::any_of(op.attributes.begin(), op.attributes.end(), [&](const AttributeSpec& a) { return a.name == name; });
    if (!known) {
      std::vector<std::string> names;
      for (const AttributeSpec& a : op.attributes) {
        names.emplace_back(a.name);
      }
      return makeError<ErrorId::kO0103>(op.name, name, names.empty() ? "; it has none" : didYouMean(name, names));
    }
  }
  for (const AttributeSpec& spec : op.attributes) {
    const Attribute* given = attributes.find(spec.name);
    if (given == nullptr) {
      if (!spec.defaultValue.has_value()) {
        return makeError<ErrorId::kO0104>(spec.name, describeKind(spec.kind));
      }
      attributes.set(std::string(spec.name), *spec.defaultValue);
      continue;
    }
    if (spec.kind == AttributeKind::kFloat && std::holds_alternative<int64_t>(*given)) {
      attributes.set(std::string(spec.name), static_cast<double>(std::get<int64_t>(*given)));
      continue;
    }
    const auto* tensor = std::get_if<TensorPtr>(given);
    const AttributeKind wanted = spec.kind == AttributeKind::kFunction ? AttributeKind::kString : spec.kind;
    if (kindOf(*given) != wanted || (tensor != nullptr && *tensor == nullptr)) {
      return makeError<ErrorId::kO0105>(spec.name, toString(*given), describeKind(kindOf(*given)),
                                        describeKind(spec.kind));
    }
  }
  return {};
}

bool allows(const OperandSpec& spec, DType dtype) {
  return std::find(spec.dtypes.begin(), spec.dtypes.end(), dtype) != spec.dtypes.end();
}

std::string describe(const OperandSpec& spec) {
  std::vector<std::string> names;
  for (DType dtype : spec.dtypes) {
    names.emplace_back(toString(dtype));
  }
  return absl::StrCat(std::string(spec.dtypeSummary), " (", absl::StrJoin(names, ", "), ")");
}

// At most one value of a schema is variadic: it takes what the others leave.
struct Arity {
  explicit Arity(const std::vector<OperandSpec>& specs)
      : isVariadic(std::any_of(specs.begin(), specs.end(), [](const OperandSpec& s) { return s.isVariadic; })),
        fixed(specs.size() - (isVariadic ? 1 : 0)) {}
  bool fits(size_t count) const { return isVariadic ? count >= fixed : count == fixed; }
  bool isVariadic;
  size_t fixed;
};

template <ErrorId Id>
Status checkDTypes(const std::vector<OperandSpec>& specs, std::span<const ValueType> types) {
  const size_t fixed = Arity(specs).fixed;
  size_t at = 0;
  for (const OperandSpec& spec : specs) {
    const size_t count = spec.isVariadic ? types.size() - fixed : 1;
    for (size_t i = 0; i < count; ++i, ++at) {
      if (!allows(spec, types[at].dtype) || types[at].kind != ValueKind::kTensor) {
        std::string name(spec.name);
        return makeError<Id>(spec.isVariadic ? absl::StrCat(name, "[", i, "]") : name, types[at].toString(),
                             describe(spec));
      }
    }
  }
  return {};
}

}  // namespace

const std::vector<OpSchema>& allOps() {
  static const std::vector<OpSchema> table = [] {
    std::vector<OpSchema> rows;
    rows.reserve(std::size(kSchemas));
    for (SchemaOfFn schemaOf : kSchemas) {
      rows.push_back(schemaOf());
    }
    return rows;
  }();
  return table;
}

const OpSchema* findOp(std::string_view name) {
  constexpr std::string_view kPrefix = "kiln.";
  if (name.starts_with(kPrefix)) {
    name.remove_prefix(kPrefix.size());
  }
  const std::vector<OpSchema>& table = allOps();
  auto found = std::lower_bound(table.begin(), table.end(), name,
                                [](const OpSchema& op, std::string_view wanted) { return op.name < wanted; });
  return found != table.end() && found->name == name ? &*found : nullptr;
}

Status inferNode(const OpSchema& op, Attributes& attributes, ShapeContext& context) {
  const Arity operands(op.operands);
  if (!operands.fits(context.operands.size())) {
    return makeError<ErrorId::kO0101>(operands.isVariadic ? "at least " : "", operands.fixed, context.operands.size());
  }
  KILN_RETURN_IF_ERROR(checkDTypes<ErrorId::kO0102>(op.operands, context.operands));
  KILN_RETURN_IF_ERROR(checkAttributes(op, attributes));
  context.op = &op;
  context.attributes = &attributes;
  context.results.clear();
  KILN_RETURN_IF_ERROR(op.inferShape(context));
  KILN_CHECK(Arity(op.results).fits(context.results.size()));
  return checkDTypes<ErrorId::kO0135>(op.results, context.results);
}

std::vector<std::string> calleesOf(const OpSchema& op, const Attributes& attributes) {
  std::vector<std::string> names;
  for (const AttributeSpec& spec : op.attributes) {
    const Attribute* value = attributes.find(spec.name);
    if (value == nullptr) {
      continue;
    }
    if (const auto* name = std::get_if<std::string>(value); name != nullptr && spec.kind == AttributeKind::kFunction) {
      names.push_back(*name);
    } else if (const auto* list = std::get_if<std::vector<std::string>>(value)) {
      names.insert(names.end(), list->begin(), list->end());
    }
  }
  return names;
}

}  // namespace kiln
