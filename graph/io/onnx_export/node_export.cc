// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx_export/node_export.h"

#include <algorithm>
#include <numeric>

#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/onnx_export/graph_exporter.h"
#include "graph/ir/diagnostics.h"
#include "graph/ir/linear_dim.h"

namespace kiln::onnx {
namespace {

void setAttribute(NodeProto& node, const OnnxAttribute& attribute) {
  AttributeProto& proto = *node.add_attribute();
  proto.set_name(std::string(attribute.name));
  if (const auto* i = std::get_if<int64_t>(&attribute.value)) {
    proto.set_type(AttributeProto::INT);
    proto.set_i(*i);
  } else if (const auto* f = std::get_if<double>(&attribute.value)) {
    proto.set_type(AttributeProto::FLOAT);
    proto.set_f(static_cast<float>(*f));
  } else if (const auto* s = std::get_if<std::string>(&attribute.value)) {
    proto.set_type(AttributeProto::STRING);
    proto.set_s(*s);
  } else {
    const auto& ints = std::get<std::vector<int64_t>>(attribute.value);
    proto.set_type(AttributeProto::INTS);
    proto.mutable_ints()->Add(ints.begin(), ints.end());
  }
}

}  // namespace

std::vector<std::string> NodeExport::inputs(int begin) const {
  std::vector<std::string> names;
  for (int i = begin; i < numInputs(); ++i) {
    names.push_back(in(i));
  }
  return names;
}

std::vector<std::string> NodeExport::leanInputs() const {
  std::vector<std::string> names = inputs();
  int numFull = numInputs();
  for (int i = numInputs() - 1; i >= 0 && numFull > 1; --i) {
    const Node& maker = frame_.body->node(node.inputs[i].node);
    if (maker.op->name != "broadcast") {
      continue;
    }
    // What is broadcast may be a parameter of the body, which has another name here.
    if (auto found = frame_.values.find(Frame::keyOf(maker.inputs[0])); found != frame_.values.end()) {
      names[i] = found->second;
      --numFull;
    }
  }
  return names;
}

std::optional<Shape> NodeExport::shapeOperand(int i) const {
  const Node& maker = frame_.body->node(node.inputs[i].node);
  if (maker.op->name == "shape_value") {
    return maker.attributes.get<Shape>("shape");
  }
  if (maker.op->name == "constant") {
    const Tensor& value = *maker.attributes.get<TensorPtr>("value");
    std::vector<Dim> dims;
    for (int64_t k = 0; k < value.numElements(); ++k) {
      dims.emplace_back(value.data<int64_t>()[k]);
    }
    return Shape(std::move(dims));
  }
  return std::nullopt;
}

int64_t NodeExport::axis(std::string_view name, int rank) const {
  const int64_t axis = integer(name);
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> NodeExport::axes(std::string_view name, int rank) const {
  std::vector<int64_t> axes = ints(name);
  for (int64_t& axis : axes) {
    axis += axis < 0 ? rank : 0;
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

std::vector<std::string> NodeExport::ops(std::string_view type, const std::vector<std::string>& inputs, int numOutputs,
                                         const OnnxAttributes& attributes) {
  NodeProto& proto = *frame_.proto->add_node();
  proto.set_op_type(std::string(type));
  for (const std::string& input : inputs) {
    proto.add_input(input);
  }
  std::vector<std::string> outputs;
  for (int i = 0; i < numOutputs; ++i) {
    outputs.push_back(freshName(std::string(type) + (i == 0 ? "" : "_" + std::to_string(i))));
    proto.add_output(outputs.back());
  }
  // Named after its first result, which may get another name yet.
  proto.set_name(outputs[0]);
  if (node.location.isKnown()) {
    proto.set_doc_string(node.location.toString());
  }
  for (const OnnxAttribute& attribute : attributes) {
    setAttribute(proto, attribute);
  }
  return outputs;
}

std::string NodeExport::op(std::string_view type, const std::vector<std::string>& inputs,
                           const OnnxAttributes& attributes) {
  return ops(type, inputs, 1, attributes)[0];
}

NodeProto& NodeExport::lastNode() { return *frame_.proto->mutable_node(frame_.proto->node_size() - 1); }

std::string NodeExport::number(double value, DType dtype) {
  Tensor tensor(dtype, {});
  tensor.set(0, value);
  return model_.constant(tensor);
}

std::string NodeExport::integers(const std::vector<int64_t>& values) {
  return model_.constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
}

std::string NodeExport::integer(int64_t value) { return model_.constant(Tensor::scalar(value)); }

std::string NodeExport::symbol(const std::string& name) {
  auto [cached, isNew] = frame_.symbols.try_emplace(name);
  if (!isNew) {
    return cached->second;
  }
  // A length that is the symbol itself needs no arithmetic, so it is taken first.
  for (const bool isBare : {true, false}) {
    for (const Frame::Giver& giver : frame_.givers) {
      for (int axis = 0; axis < giver.shape.rank(); ++axis) {
        const std::optional<LinearDim> linear = linearDim(giver.shape[axis]);
        if (!linear || linear->symbol != name || giver.shape[axis].asSymbol().has_value() != isBare) {
          continue;
        }
        std::string value = op("Shape", {giver.name}, {{"start", int64_t{axis}}, {"end", int64_t{axis} + 1}});
        if (linear->offset != 0) {
          value = op("Sub", {value, integers({linear->offset})});
        }
        if (linear->factor != 1) {
          value = op("Div", {value, integers({linear->factor})});
        }
        return frame_.symbols[name] = value;
      }
    }
  }
  // Graph::create has seen to it that a feed, a parameter or a bind_dim has it.
  KILN_CHECK(!"a dimension symbol that nothing tells");
  return {};
}

std::string NodeExport::dimVector(const Dim& dim) {
  if (dim.isStatic()) {
    return integers({dim.value()});
  }
  const auto factor = [&](const std::string& text) -> std::string {
    const auto function = Dim::functionOf(text);
    if (!function) {
      return symbol(text);
    }
    const char* type = function->kind == Dim::Function::Kind::kFloorDiv ? "Div"
                       : function->kind == Dim::Function::Kind::kMax    ? "Max"
                                                                        : "Min";
    return op(type, {dimVector(function->a), dimVector(function->b)});
  };
  std::string sum;
  for (const Dim::Term& term : dim.terms()) {
    std::string product;
    for (const std::string& text : term.symbols) {
      std::string value = factor(text);
      product = product.empty() ? value : op("Mul", {product, value});
    }
    if (product.empty()) {
      product = integers({term.coefficient});
    } else if (term.coefficient != 1) {
      product = op("Mul", {product, integers({term.coefficient})});
    }
    sum = sum.empty() ? product : op("Add", {sum, product});
  }
  return sum.empty() ? integers({0}) : sum;
}

std::string NodeExport::dimScalar(const Dim& dim) {
  return dim.isStatic() ? integer(dim.value()) : squeeze(dimVector(dim), {0});
}

std::string NodeExport::dims(const Shape& shape) {
  if (shape.isStatic()) {
    return integers(shape.staticDims());
  }
  const std::string text = shape.toString();
  if (auto found = frame_.shapes.find(text); found != frame_.shapes.end()) {
    return found->second;
  }
  std::vector<std::string> parts;
  std::vector<int64_t> numbers;
  const auto flush = [&] {
    if (!numbers.empty()) {
      parts.push_back(integers(numbers));
      numbers.clear();
    }
  };
  for (const Dim& dim : shape) {
    if (dim.isStatic()) {
      numbers.push_back(dim.value());
    } else {
      flush();
      parts.push_back(dimVector(dim));
    }
  }
  flush();
  std::string value = parts.size() == 1 ? parts[0] : op("Concat", parts, {{"axis", int64_t{0}}});
  return frame_.shapes[text] = value;
}

std::string NodeExport::cast(const std::string& x, DType from, DType to) {
  return from == to ? x : op("Cast", {x}, {{"to", int64_t{elementTypeOf(to)}}});
}

std::string NodeExport::reshape(const std::string& x, const Shape& shape) {
  // With one length that is no number and none that is 0, it follows from the others.
  std::vector<int64_t> lengths;
  int numOpen = 0;
  bool hasZero = false;
  for (const Dim& dim : shape) {
    lengths.push_back(dim.isStatic() ? dim.value() : -1);
    numOpen += dim.isStatic() ? 0 : 1;
    hasZero |= dim.isStatic() && dim.value() == 0;
  }
  if (numOpen == 0 && !hasZero) {
    return op("Reshape", {x, integers(lengths)});
  }
  if (numOpen == 1 && !hasZero) {
    return op("Reshape", {x, integers(lengths)});
  }
  // 0 is a length here, not that of x.
  return op("Reshape", {x, dims(shape)}, {{"allowzero", int64_t{1}}});
}

std::string NodeExport::expand(const std::string& x, const Shape& shape) { return op("Expand", {x, dims(shape)}); }

std::string NodeExport::transpose(const std::string& x, const std::vector<int64_t>& permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) {
    return x;
  }
  return op("Transpose", {x}, {{"perm", permutation}});
}

std::string NodeExport::unsqueeze(const std::string& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : op("Unsqueeze", {x, integers(axes)});
}

std::string NodeExport::squeeze(const std::string& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : op("Squeeze", {x, integers(axes)});
}

std::string NodeExport::reduce(std::string_view type, const std::string& x, const std::vector<int64_t>& axes,
                               bool keepDims) {
  if (axes.empty()) {
    return x;  // Each element alone: right for all that this is called with.
  }
  return op(type, {x, integers(axes)}, {{"keepdims", int64_t{keepDims}}});
}

std::string NodeExport::slice(const std::string& x, int64_t axis, const Dim& start, const Dim& end) {
  return op("Slice", {x, dimVector(start), dimVector(end), integers({axis})});
}

std::string NodeExport::where(const std::string& condition, const std::string& x, const std::string& y, DType dtype) {
  if (dtype == boolean) {  // Few runtimes choose between bools.
    return op("Or", {op("And", {condition, x}), op("And", {op("Not", {condition}), y})});
  }
  // Runtimes choose between few types of elements; a wider one holds the same numbers, or the same bits.
  const bool isCommon = dtype == f32 || dtype == f64 || dtype == i32 || dtype == i64 || dtype == u8;
  const DType wide = isCommon ? dtype : isFloat(dtype) ? f32 : i64;
  return cast(op("Where", {condition, cast(x, dtype, wide), cast(y, dtype, wide)}), wide, dtype);
}

std::string NodeExport::range(const Dim& n) {
  // More numbers than these are computed, not stored.
  constexpr int64_t kMostStored = 4096;
  if (n.isStatic() && n.value() <= kMostStored) {
    std::vector<int64_t> numbers(static_cast<size_t>(n.value()));
    std::iota(numbers.begin(), numbers.end(), 0);
    return integers(numbers);
  }
  return op("Range", {integer(0), dimScalar(n), integer(1)});
}

std::string NodeExport::zeros(const Shape& shape, DType dtype, double value) {
  return op("Expand", {number(value, dtype), dims(shape)});
}

StatusOr<std::vector<std::string>> NodeExport::call(const std::string& function,
                                                    const std::vector<std::string>& arguments) {
  return exporter_.call(*this, frame_.proto, function, arguments);
}

StatusOr<GraphProto> NodeExport::body(const std::string& name, const std::vector<BodyInput>& inputs,
                                      const std::vector<ValueType>& results, const WriteBody& write) {
  GraphProto graph;
  graph.set_name(frame_.prefix + node.name + "/" + name);
  const std::string what = describe(node);
  for (const BodyInput& input : inputs) {
    KILN_RETURN_IF_ERROR(setType(*graph.add_input(), input.name, input.type, false, what));
  }
  Frame frame = frame_;
  frame.proto = &graph;
  NodeExport inner(exporter_, model_, frame, node);
  KILN_ASSIGN_OR_RETURN(std::vector<std::string> values, write(inner));
  KILN_CHECK(values.size() == results.size());
  std::unordered_set<std::string> made;
  for (const NodeProto& proto : graph.node()) {
    made.insert(proto.output().begin(), proto.output().end());
  }
  for (size_t i = 0; i < values.size(); ++i) {
    // A body gives what its own nodes make, each value once.
    const bool isOwn = made.erase(values[i]) > 0;
    const std::string value = isOwn ? values[i] : inner.op("Identity", {values[i]});
    KILN_RETURN_IF_ERROR(setType(*graph.add_output(), value, results[i], false, what));
  }
  return graph;
}

StatusOr<std::string> NodeExport::variable() { return exporter_.variable(node); }

Status NodeExport::unsupported(std::string_view why) const { return exporter_.unsupportedNode(node, why); }

}  // namespace kiln::onnx
