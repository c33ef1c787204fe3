// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/inference.h"

#include <algorithm>

namespace kiln {
namespace {

// Shapes have few axes; longer integer vectors are data.
constexpr int64_t kLongestShape = 64;

// Every node has a copy of its shapes, so their length is bounded. NumPy stops at 64 too.
constexpr int kMostAxes = 64;

// Bounds of the polynomial that counts a shape's elements. A shape of a real model has one term and a degree below 8.
constexpr int64_t kMostTerms = 4096;
constexpr size_t kHighestDegree = 64;

bool isShapeLike(const ValueType& type) {
  return type.dtype == i64 && (type.shape.rank() == 0 || (type.shape.rank() == 1 && type.shape[0].isStatic() &&
                                                          type.shape[0].value() <= kLongestShape));
}

struct Cost {
  int64_t terms = 1;  // of the product of all dims
  size_t degree = 0;
};

// A function has the degree of what is in it.
size_t degreeOf(const Dim& dim) {
  size_t degree = 0;
  for (const Dim::Term& term : dim.terms()) {
    size_t sum = 0;
    for (const std::string& factor : term.symbols) {
      auto function = Dim::functionOf(factor);
      sum += function ? std::max<size_t>({1, degreeOf(function->a), degreeOf(function->b)}) : 1;
    }
    degree = std::max(degree, sum);
  }
  return degree;
}

// Whether a length can be written and read again, which bounds how long it is and how deep its functions are.
bool isReadable(const Dim& dim) {
  const auto isFunction = [](const std::string& factor) { return factor.find('(') != std::string::npos; };
  const std::vector<Dim::Term> terms = dim.terms();
  const bool hasFunction = std::any_of(terms.begin(), terms.end(), [&](const Dim::Term& term) {
    return std::any_of(term.symbols.begin(), term.symbols.end(), isFunction);
  });
  return !hasFunction || Dim::parse(dim.toString()).ok();
}

Cost costOf(const Shape& shape) {
  Cost cost;
  for (const Dim& d : shape) {
    if (!d.isStatic() && cost.terms <= kMostTerms) {
      if (!isReadable(d)) {
        return {.terms = kMostTerms + 1, .degree = 0};
      }
      cost.terms *= std::max<int64_t>(1, d.terms().size());
      cost.degree += degreeOf(d);
    }
  }
  return cost;
}

Status tooCostly(const std::string& shape) { return makeError<ErrorId::kG0022>(shape, kMostTerms); }

// A call puts the arguments' dims in place of the callee's symbols: powers of sums.
Status checkCallCost(const std::vector<ValueType>& arguments, const std::vector<ValueType>& parameters,
                     const std::vector<ValueType>& results) {
  int64_t terms = 1;
  for (const ValueType& argument : arguments) {
    for (const Dim& d : argument.shape) {
      terms = std::max(terms, costOf(Shape{d}).terms);
    }
  }
  size_t degree = 0;
  for (const auto* types : {&parameters, &results}) {
    for (const ValueType& type : *types) {
      degree = std::max(degree, costOf(type.shape).degree);
    }
  }
  int64_t product = 1;
  for (size_t i = 0; i < degree && terms > 1; ++i) {
    product *= terms;
    if (product > kMostTerms) {
      return tooCostly("of a call");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Status checkShapeCost(const Shape& shape) {
  const Cost cost = costOf(shape);
  return cost.terms > kMostTerms || cost.degree > kHighestDegree ? tooCostly("of rank " + std::to_string(shape.rank()))
                                                                 : absl::OkStatus();
}

BodyInference::BodyInference(const Body& body, const std::map<std::string, Function>& functions)
    : body_(body), functions_(functions) {}

Status BodyInference::infer(Node& node) {
  std::vector<ValueType> operands;
  std::vector<std::optional<std::vector<Dim>>> shapes;
  operands.reserve(node.inputs.size());
  shapes.reserve(node.inputs.size());
  for (ValueRef input : node.inputs) {
    operands.push_back(body_.type(input));
    shapes.push_back(shapeValue(input));
  }
  ShapeContext context;
  context.operands = operands;
  context.shapeValues = shapes;
  context.attributes = &node.attributes;
  std::vector<CalleeTypes> callees;
  for (std::string& name : calleesOf(*node.op, node.attributes)) {
    auto function = functions_.find(name);
    if (function == functions_.end()) {
      std::vector<std::string> known;
      for (const auto& [other, unused] : functions_) {
        known.push_back(other);
      }
      return makeError<ErrorId::kG0007>(name, didYouMean(name, known));
    }
    CalleeTypes& callee = callees.emplace_back();
    callee.name = std::move(name);
    for (ValueRef value : function->second.parameters) {
      callee.parameters.push_back(function->second.body.type(value));
    }
    for (ValueRef value : function->second.results) {
      callee.results.push_back(function->second.body.type(value));
    }
    KILN_RETURN_IF_ERROR(checkCallCost(operands, callee.parameters, callee.results));
  }
  context.callees = callees;
  KILN_RETURN_IF_ERROR(inferNode(*node.op, node.attributes, context));
  for (size_t i = 0; i < context.results.size(); ++i) {
    const Shape& shape = context.results[i].shape;
    if (shape.rank() > kMostAxes) {
      return makeError<ErrorId::kG0023>(i, shape.rank(), kMostAxes);
    }
    KILN_RETURN_IF_ERROR(checkShapeCost(shape));
  }
  node.outputs = std::move(context.results);
  rememberShapeValue(node, shapes);
  return absl::OkStatus();
}

std::optional<std::vector<Dim>> BodyInference::shapeValue(ValueRef value) const {
  auto found = shapeValues_.find(value.node);
  if (found == shapeValues_.end() || value.output != 0) {
    return std::nullopt;
  }
  return found->second;
}

void BodyInference::rememberShapeValue(const Node& node, const std::vector<std::optional<std::vector<Dim>>>& operands) {
  // A node that was inferred and then not put into the body may have had the id.
  shapeValues_.erase(node.id);
  if (node.outputs.size() != 1 || !isShapeLike(node.outputs[0])) {
    return;
  }
  const std::string_view op = node.op->name;
  std::vector<Dim> dims;
  if (op == "shape_value") {
    dims = node.attributes.get<Shape>("shape").dims();
  } else if (op == "constant") {
    const Tensor& value = *node.attributes.get<TensorPtr>("value");
    for (int64_t i = 0; i < value.numElements(); ++i) {
      dims.push_back(Dim(value.data<int64_t>()[i]));
    }
  } else if (op == "broadcast") {
    const int64_t length = node.outputs[0].shape.rank() == 0 ? 1 : node.outputs[0].shape[0].value();
    if (!operands[0] || (operands[0]->size() != 1 && static_cast<int64_t>(operands[0]->size()) != length)) {
      return;
    }
    dims = operands[0]->size() == 1 ? std::vector<Dim>(length, operands[0]->front()) : *operands[0];
  } else if (op == "add" || op == "sub" || op == "mul") {
    if (!operands[0] || !operands[1] || operands[0]->size() != operands[1]->size()) {
      return;
    }
    for (size_t i = 0; i < operands[0]->size(); ++i) {
      const Dim &a = (*operands[0])[i], &b = (*operands[1])[i];
      dims.push_back(op == "add" ? a + b : op == "sub" ? a - b : a * b);
    }
  } else {
    return;
  }
  if (checkShapeCost(Shape(dims)).ok()) {
    shapeValues_.emplace(node.id, std::move(dims));
  }
}

}  // namespace kiln
