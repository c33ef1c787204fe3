// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a converter sees of the node that it turns into operations of a graph. Private to graph/io/onnx.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/origins.h"

namespace kiln::onnx {

class Importer;

/// A value of the model while it is imported: known now, or computed by the graph.
struct Imported : std::enable_shared_from_this<Imported> {
  std::string name;     ///< In the model; "" for results that have none yet.
  int elementType = 0;  ///< TensorProto::DataType.
  DType dtype = DType::kInvalid;
  Shape shape;
  TensorPtr constant;                    ///< Known now.
  std::optional<std::vector<Dim>> dims;  ///< Known as dims: an i64 scalar or vector.
  Value value;                           ///< In the graph, once something needed it there.
  int body = -1;                         ///< The body of `value`.
  Origins origins;
  bool isBroken = false;  ///< Made by a node that could not be imported.
};

/// One node under conversion, with its inputs and attributes in the form of the newest operator set (upgrade.h sees to
/// it). Accessors that find something wrong remember it, and give something harmless; the importer reports it after the
/// converter has returned. So a converter checks only what its own work depends on.
class NodeImport {
 public:
  NodeImport(Importer& importer, GraphBuilder& g, const NodeProto& proto, std::vector<Imported*> inputs);

  GraphBuilder& g;
  const NodeProto& proto;

  // --- inputs
  int numInputs() const { return static_cast<int>(inputs_.size()); }
  /// Whether input i is given (not left out, not beyond the last).
  bool has(int i) const { return i < numInputs() && inputs_[i] != nullptr; }
  /// The input as a value of the graph; G0502 when it is left out.
  Value in(int i);
  /// The input, or `otherwise` when it is left out.
  Value inOr(int i, const std::function<Value()>& otherwise) { return has(i) ? in(i) : otherwise(); }
  const Imported& imported(int i);
  DType dtype(int i) { return imported(i).dtype; }
  const Shape& shape(int i) { return imported(i).shape; }
  int rank(int i) { return imported(i).shape.rank(); }
  int elementType(int i) { return imported(i).elementType; }

  // --- inputs whose values must be known before the run. When one is not, the status says so, and the importer asks
  // the caller for the values or lengths that it depends on (KILN-G0506 when none do): just return the status.
  StatusOr<TensorPtr> constant(int i);
  StatusOr<std::vector<int64_t>> ints(int i);    ///< Of an integer scalar or vector.
  StatusOr<std::vector<double>> numbers(int i);  ///< Of any numeric scalar or vector.
  StatusOr<int64_t> integer(int i);
  StatusOr<double> number(int i);
  StatusOr<std::vector<Dim>> dims(int i);  ///< As ints(), but they may be symbolic.
  /// The same, when it is known now.
  TensorPtr tryConstant(int i);
  std::optional<std::vector<Dim>> tryDims(int i);

  // --- attributes
  bool hasAttribute(std::string_view name) const { return find(name) != nullptr; }
  int64_t integer(std::string_view name, int64_t otherwise);
  double number(std::string_view name, double otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> ints(std::string_view name, std::vector<int64_t> otherwise = {});
  std::vector<double> numbers(std::string_view name, std::vector<double> otherwise = {});
  std::vector<std::string> texts(std::string_view name);
  const AttributeProto* find(std::string_view name) const;
  /// An axis of a tensor of that rank, counted from the front; G0502 when it has none.
  int64_t axisOf(int64_t axis, int rank);
  std::vector<int64_t> axesOf(std::vector<int64_t> axes, int rank);

  // --- results
  int numOutputs() const { return proto.output_size(); }
  bool wants(int i) const { return i < numOutputs() && !proto.output(i).empty(); }
  /// Result i; does nothing for one that the model leaves out. `elementType` is needed where the graph holds the type
  /// in another one (isStored()).
  void set(int i, Value value, int elementType = 0);
  void set(int i, TensorPtr constant, int elementType = 0);
  void set(int i, Tensor constant, int elementType = 0);
  /// An i64 vector, or a scalar, that is known as dims.
  void setDims(int i, std::vector<Dim> dims, bool isScalar = false);
  /// Result i is input j.
  void forward(int i, int j);
  void setImported(int i, Imported value);

  // --- bodies (If, Loop, Scan)
  /// Imports the nodes of a body here, in the lambda of a control-flow function or in place. It sees the values around
  /// it. Errors: as import().
  StatusOr<std::vector<Imported>> importBody(const GraphProto& body, std::vector<Imported> arguments);
  /// The value of the graph for an Imported; constants are made where the builder stands now.
  Value valueOf(Imported& imported);
  /// An argument of a body: a value that only the run knows.
  Imported argument(Value value, int elementType = 0);
  const GraphProto* graph(std::string_view name);

  // --- errors
  /// Not supported: `why` says what, in a few words ("mode 'foo'"). The node is named by the importer.
  Status unsupported(std::string_view why) const;
  /// The model contradicts the operator.
  Status invalid(std::string_view why) const;
  /// A helper's error that is to be reported after the converter has returned.
  void fail(Status status);

  Importer& importer() { return importer_; }
  std::vector<Imported>& results() { return results_; }
  const Status& status() const { return status_; }

 private:
  Importer& importer_;
  std::vector<Imported*> inputs_;
  std::vector<Imported> results_;
  Status status_;
};

/// Turns one node into operations of `n.g` and sets its results.
using Convert = Status (*)(NodeImport& n);
struct Converter {
  std::string_view op;
  Convert convert;
  std::string_view domain = "";
};

/// The converters, a table for each family; importer.cc looks in all of them.
std::span<const Converter> mathConverters();           ///< math_converters.cc: arithmetic, logic, activations
std::span<const Converter> reductionConverters();      ///< reduction_converters.cc: reductions, softmax, contractions
std::span<const Converter> movementConverters();       ///< movement_converters.cc: shape, movement, constants
std::span<const Converter> indexingConverters();       ///< indexing_converters.cc: gather, scatter, top_k, one_hot
std::span<const Converter> convolutionConverters();    ///< convolution_converters.cc: convolution, pooling
std::span<const Converter> imageConverters();          ///< image_converters.cc: resize, grid_sample, ROI, ...
std::span<const Converter> normalizationConverters();  ///< normalization_converters.cc
std::span<const Converter> attentionConverters();      ///< attention_converters.cc: attention and what LLMs add
std::span<const Converter> recurrentConverters();      ///< recurrent_converters.cc: RNN, GRU, LSTM
std::span<const Converter> controlConverters();        ///< control_converters.cc: If, Loop, Scan
std::span<const Converter> lossConverters();           ///< loss_converters.cc
std::span<const Converter> trainingConverters();       ///< training_converters.cc: ai.onnx.preview.training
std::span<const Converter> quantizationConverters();   ///< quantization_converters.cc
std::span<const Converter> castConverters();           ///< cast_converters.cc: Cast, CastLike, BitCast
std::span<const Converter> dataDependentConverters();  ///< data_dependent_converters.cc: NonZero, Unique, ...
std::span<const Converter> signalConverters();         ///< signal_converters.cc: DFT, STFT, windows
std::span<const Converter> randomConverters();         ///< random_converters.cc: random numbers, dropout

/// The converter, or null. "ai.onnx" is the same domain as "".
const Converter* findConverter(std::string_view domain, std::string_view op);
/// All of them, in the order of the families.
std::vector<const Converter*> allConverters();

}  // namespace kiln::onnx
