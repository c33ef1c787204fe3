// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a row of the export tables sees of the node that it turns into ONNX nodes. Private to
/// graph/io/onnx_export.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/io/onnx_export/graph_writer.h"

namespace kiln::onnx {

class GraphExporter;

/// One node under export. Values of the ONNX graph are their names.
class NodeExport {
 public:
  NodeExport(GraphExporter& exporter, ModelWriter& model, Frame& frame, const Node& node)
      : node(node), model_(model), exporter_(exporter), frame_(frame), results_(node.outputs.size()) {}

  const Node& node;

  // --- the node
  int numInputs() const { return static_cast<int>(node.inputs.size()); }
  const std::string& in(int i) const { return frame_.values.at(Frame::keyOf(node.inputs[i])); }
  std::vector<std::string> inputs(int begin = 0) const;
  /// The inputs of an elementwise node, one of them at most, or all but one, without the broadcast that made its shape:
  /// ONNX operators broadcast.
  std::vector<std::string> leanInputs() const;
  /// The elements of a shape operand, when the node knows them.
  std::optional<Shape> shapeOperand(int i) const;
  const ValueType& type(int i) const { return frame_.body->type(node.inputs[i]); }
  DType dtype(int i = 0) const { return type(i).dtype; }
  const Shape& shape(int i = 0) const { return type(i).shape; }
  int rank(int i = 0) const { return shape(i).rank(); }
  const ValueType& result(int i = 0) const { return node.outputs[i]; }
  /// Whether anything reads result i.
  bool wants(int i) const { return frame_.used.contains(Frame::keyOf({node.id, i})); }
  template <class T>
  const T& attribute(std::string_view name) const {
    return node.attributes.get<T>(name);
  }
  int64_t integer(std::string_view name) const { return attribute<int64_t>(name); }
  double real(std::string_view name) const { return attribute<double>(name); }
  bool flag(std::string_view name) const { return attribute<bool>(name); }
  const std::vector<int64_t>& ints(std::string_view name) const { return attribute<std::vector<int64_t>>(name); }
  /// An axis attribute counted from the front.
  int64_t axis(std::string_view name, int rank) const;
  std::vector<int64_t> axes(std::string_view name, int rank) const;
  int64_t opset() const { return model_.opset(); }
  const std::string& prefix() const { return frame_.prefix; }
  /// The name of the node's variable.
  StatusOr<std::string> variable();
  /// A large constant, under the node's name.
  StatusOr<std::string> initializer(TensorPtr tensor) {
    return model_.initializer(frame_.prefix + node.name, std::move(tensor));
  }

  // --- ONNX nodes
  std::string op(std::string_view type, const std::vector<std::string>& inputs, const OnnxAttributes& attributes = {});
  std::vector<std::string> ops(std::string_view type, const std::vector<std::string>& inputs, int numOutputs,
                               const OnnxAttributes& attributes = {});
  /// The NodeProto made last, to add graphs to.
  NodeProto& lastNode();

  // --- constants and shapes
  std::string number(double value, DType dtype);
  std::string integers(const std::vector<int64_t>& values);  ///< An i64 vector.
  std::string integer(int64_t value);                        ///< An i64 scalar.
  std::string constant(const Tensor& tensor) { return model_.constant(tensor); }
  std::string dims(const Shape& shape);   ///< An i64 vector; a constant where all are numbers.
  std::string dimVector(const Dim& dim);  ///< i64[1]
  std::string dimScalar(const Dim& dim);  ///< An i64 scalar.

  // --- what many rows need; x without effect is x itself
  std::string cast(const std::string& x, DType from, DType to);
  std::string reshape(const std::string& x, const Shape& shape);
  std::string expand(const std::string& x, const Shape& shape);
  std::string transpose(const std::string& x, const std::vector<int64_t>& permutation);
  std::string unsqueeze(const std::string& x, const std::vector<int64_t>& axes);
  std::string squeeze(const std::string& x, const std::vector<int64_t>& axes);
  /// ReduceSum and others over these axes, none included.
  std::string reduce(std::string_view type, const std::string& x, const std::vector<int64_t>& axes, bool keepDims);
  /// x[start, end) along an axis.
  std::string slice(const std::string& x, int64_t axis, const Dim& start, const Dim& end);
  std::string where(const std::string& condition, const std::string& x, const std::string& y, DType dtype);
  /// 0 .. n - 1 in i64.
  std::string range(const Dim& n);
  std::string zeros(const Shape& shape, DType dtype, double value = 0);

  // --- results
  void set(int i, std::string value) { results_[i] = std::move(value); }
  const std::vector<std::string>& results() const { return results_; }

  // --- functions
  /// Writes the nodes of a function here; gives its results.
  StatusOr<std::vector<std::string>> call(const std::string& function, const std::vector<std::string>& arguments);
  /// A body: `write` makes its nodes through a NodeExport that stands in it, and gives its results.
  using WriteBody = std::function<StatusOr<std::vector<std::string>>(NodeExport& inner)>;
  struct BodyInput {
    std::string name;
    ValueType type;
  };
  StatusOr<GraphProto> body(const std::string& name, const std::vector<BodyInput>& inputs,
                            const std::vector<ValueType>& results, const WriteBody& write);
  std::string freshName(const std::string& part) { return model_.freshName(frame_.prefix + node.name + "/" + part); }

  /// Gives a dimension symbol the value of an i64 scalar, from here on.
  void bindSymbol(const std::string& name, const std::string& value) { frame_.symbols[name] = unsqueeze(value, {0}); }

  // --- errors
  /// ONNX has no form for this node: `why` says what of it, in a few words.
  Status unsupported(std::string_view why) const;

 private:
  friend class GraphExporter;
  std::string symbol(const std::string& name);

  ModelWriter& model_;
  GraphExporter& exporter_;
  Frame& frame_;
  std::vector<std::string> results_;
};

/// How nodes of an op are exported: by a function, or why not.
using ExportNode = Status (*)(NodeExport& n);
struct ExportRow {
  std::string_view op;
  ExportNode write = nullptr;
  std::string_view reason = {};
  bool isForCompiler = false;  ///< The compiler writes it out in other ops.
  /// Of a row that has `write`: whether the compiler has to write out this node, which takes elements of that type.
  bool (*needsCompiler)(const Node& node, DType dtype) = nullptr;
};
inline constexpr std::string_view kWrittenOut =
    "the compiler writes it out in other operations: export its plain graph";
constexpr ExportRow writtenOut(std::string_view op) { return {op, nullptr, kWrittenOut, true}; }
constexpr ExportRow refused(std::string_view op, std::string_view reason) { return {op, nullptr, reason, false}; }

std::span<const ExportRow> elementwiseRows();    ///< elementwise_rows.cc
std::span<const ExportRow> activationRows();     ///< activation_rows.cc
std::span<const ExportRow> contractionRows();    ///< contraction_rows.cc: matmul, einsum, linear algebra
std::span<const ExportRow> reductionRows();      ///< reduction_rows.cc
std::span<const ExportRow> movementRows();       ///< movement_rows.cc
std::span<const ExportRow> indexingRows();       ///< indexing_rows.cc
std::span<const ExportRow> convolutionRows();    ///< convolution_rows.cc
std::span<const ExportRow> normalizationRows();  ///< normalization_rows.cc
std::span<const ExportRow> lossRows();           ///< loss_rows.cc
std::span<const ExportRow> optimizerRows();      ///< optimizer_rows.cc
std::span<const ExportRow> randomRows();         ///< random_rows.cc
std::span<const ExportRow> controlRows();        ///< control_rows.cc
std::span<const ExportRow> stateRows();          ///< state_rows.cc

/// The op's row, or null.
const ExportRow* findRow(std::string_view op);

/// Numbers and values of one dtype under arithmetic, so that rows read as formulas.
class Formula {
 public:
  Formula(NodeExport& n, std::string value, DType dtype) : n_(&n), value_(std::move(value)), dtype_(dtype) {}
  const std::string& value() const { return value_; }
  DType dtype() const { return dtype_; }
  NodeExport& node() const { return *n_; }
  Formula number(double x) const { return {*n_, n_->number(x, dtype_), dtype_}; }
  Formula apply(std::string_view op) const { return {*n_, n_->op(op, {value_}), dtype_}; }
  Formula with(std::string_view op, const Formula& other) const {
    return {*n_, n_->op(op, {value_, other.value_}), dtype_};
  }
  Formula test(std::string_view op, const Formula& other) const {
    return {*n_, n_->op(op, {value_, other.value_}), boolean};
  }

 private:
  NodeExport* n_;
  std::string value_;
  DType dtype_;
};
inline Formula operator+(const Formula& a, const Formula& b) { return a.with("Add", b); }
inline Formula operator-(const Formula& a, const Formula& b) { return a.with("Sub", b); }
inline Formula operator*(const Formula& a, const Formula& b) { return a.with("Mul", b); }
inline Formula operator/(const Formula& a, const Formula& b) { return a.with("Div", b); }
inline Formula operator+(const Formula& a, double b) { return a + a.number(b); }
inline Formula operator-(const Formula& a, double b) { return a - a.number(b); }
inline Formula operator*(const Formula& a, double b) { return a * a.number(b); }
inline Formula operator/(const Formula& a, double b) { return a / a.number(b); }
inline Formula operator-(double a, const Formula& b) { return b.number(a) - b; }
inline Formula operator/(double a, const Formula& b) { return b.number(a) / b; }
inline Formula operator-(const Formula& a) { return a.apply("Neg"); }
inline Formula operator<(const Formula& a, const Formula& b) { return a.test("Less", b); }
inline Formula operator>(const Formula& a, const Formula& b) { return a.test("Greater", b); }
inline Formula operator<(const Formula& a, double b) { return a < a.number(b); }
inline Formula operator>(const Formula& a, double b) { return a > a.number(b); }
inline Formula isEqual(const Formula& a, double b) { return a.test("Equal", a.number(b)); }
inline Formula both(const Formula& a, const Formula& b) { return a.with("And", b); }
inline Formula either(const Formula& a, const Formula& b) { return a.with("Or", b); }
inline Formula choose(const Formula& condition, const Formula& x, const Formula& y) {
  return {x.node(), x.node().where(condition.value(), x.value(), y.value(), x.dtype()), x.dtype()};
}
/// Operand i of the node.
inline Formula operand(NodeExport& n, int i) { return {n, n.in(i), n.dtype(i)}; }

}  // namespace kiln::onnx
