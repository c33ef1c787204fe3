// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a converter sees of the node that it turns into operations of a graph. Private to graph/io/tensorflow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/io/origins.h"
#include "graph/io/tensorflow/frozen_graph.h"

namespace kiln::tensorflow {

class Importer;

/// A TensorArray or list of tensors: a tensor of all its elements, [size, element...].
struct ListType {
  DType dtype = DType::kInvalid;
  Dim size;
  /// Nothing until something is put in: TensorFlow's nodes often leave lengths open.
  std::optional<Shape> element;
};

/// A value of the graph while it is imported: known now, or computed by Kiln's graph.
struct Imported {
  DType dtype = DType::kInvalid;
  Shape shape;
  TensorPtr constant;                    ///< Known now.
  std::optional<std::vector<Dim>> dims;  ///< Known as dims: a scalar or vector of i32 or i64.
  std::optional<Dim> iotaLength;         ///< It is 0, 1 ... up to this length.
  std::shared_ptr<ListType> list;        ///< Set for lists; without `value`, all elements are zero.
  Value value;                           ///< In the graph, once something needed it there.
  int body = -1;                         ///< The body of `value`.
  Origins origins;
  bool isBroken = false;  ///< Made by a node that could not be imported.
  std::string name;       ///< Of the node that made it.
};
using ImportedPtr = std::shared_ptr<Imported>;

/// One node under conversion. Accessors that find something wrong remember it, and give something harmless; the
/// importer reports it after the converter has returned. So a converter checks only what its own work depends on.
class NodeImport {
 public:
  NodeImport(Importer& importer, GraphBuilder& g, const wire::NodeDef& proto, std::vector<ImportedPtr> inputs);

  GraphBuilder& g;
  const wire::NodeDef& proto;

  // --- inputs
  int numInputs() const { return static_cast<int>(inputs_.size()); }
  /// The input as a value of the graph; G0502 when there is none, or when it is a list.
  Value in(int i);
  /// All inputs from `first` on.
  std::vector<Value> rest(int first = 0);
  Imported& imported(int i);
  DType dtype(int i) { return imported(i).dtype; }
  const Shape& shape(int i) { return imported(i).shape; }
  int rank(int i) { return imported(i).shape.rank(); }

  // --- inputs whose values must be known before the run. When one is not, the status says so, and the importer asks
  // the caller for the values or lengths that it depends on (KILN-G0506 when none do): just return the status.
  StatusOr<TensorPtr> constant(int i);
  StatusOr<std::vector<int64_t>> ints(int i);  ///< Of an integer scalar or vector.
  StatusOr<int64_t> integer(int i);
  StatusOr<double> number(int i);
  StatusOr<std::vector<Dim>> dims(int i);  ///< As ints(), but they may be symbolic.
  /// The axis that input i names, of a tensor of that rank.
  StatusOr<int64_t> axis(int i, int rank);
  StatusOr<std::vector<int64_t>> axes(int i, int rank);
  /// The same, when it is known now.
  TensorPtr tryConstant(int i);
  std::optional<std::vector<Dim>> tryDims(int i);

  // --- attributes
  int64_t integer(std::string_view name, int64_t otherwise);
  bool boolean(std::string_view name, bool otherwise);
  double number(std::string_view name, double otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> ints(std::string_view name);
  DType type(std::string_view name, DType otherwise);
  const wire::AttrValue* find(std::string_view name) const;
  /// An axis of a tensor of that rank, counted from the front; G0502 when it has none.
  int64_t axisOf(int64_t axis, int rank);

  // --- results
  void set(int i, Value value);
  void set(int i, TensorPtr constant);
  void set(int i, Tensor constant);
  /// A vector, or a scalar, that is known as dims.
  void setDims(int i, std::vector<Dim> dims, DType dtype, bool isScalar);
  /// Result i is input j.
  void forward(int i, int j);
  void setImported(int i, Imported value);

  // --- lists
  /// The list of input i, or null after an error.
  std::shared_ptr<ListType> list(int i);
  /// Its elements. Errors: KILN-G0501 when their shape is not known yet.
  StatusOr<Value> elements(int i);
  /// Says what is put into a list; false, and an error, when it holds something else.
  bool unify(ListType& list, const Value& element);
  void setList(int i, std::shared_ptr<ListType> list, std::optional<Value> elements);

  // --- errors
  /// Not supported: `why` says what, in a few words ("mode 'foo'"). The node is named by the importer.
  Status unsupported(std::string_view why) const;
  /// The node contradicts its op.
  Status invalid(std::string_view why) const;
  /// An error that is to be reported after the converter has returned.
  void fail(Status status);

  std::vector<Imported>& results() { return results_; }
  const Status& status() const { return status_; }

 private:
  Importer& importer_;
  std::vector<ImportedPtr> inputs_;
  std::vector<Imported> results_;
  Imported nothing_;
  Status status_;
};

/// Turns one node into operations of `n.g` and sets its results.
using Convert = Status (*)(NodeImport& n);
struct Converter {
  std::string_view op;
  Convert convert;
};

/// The converters, a table for each family; findConverter() looks in all of them.
std::span<const Converter> mathConverters();         ///< math_converters.cc: arithmetic, logic, activations
std::span<const Converter> reductionConverters();    ///< reduction_converters.cc: reductions, softmax, contractions
std::span<const Converter> shapeConverters();        ///< shape_converters.cc: constants, shapes, casts
std::span<const Converter> movementConverters();     ///< movement_converters.cc: slices, padding, joining
std::span<const Converter> indexingConverters();     ///< indexing_converters.cc: gather, scatter, top_k, one_hot
std::span<const Converter> convolutionConverters();  ///< convolution_converters.cc: convolution, pooling, normalisation
std::span<const Converter> imageConverters();        ///< image_converters.cc: resize, space and depth
std::span<const Converter> dataDependentConverters();  ///< data_dependent_converters.cc: where, unique, suppression
std::span<const Converter> listConverters();           ///< list_converters.cc: TensorArray, TensorList

/// The converter, or null.
const Converter* findConverter(std::string_view op);
/// All of them, in the order of the families.
std::vector<const Converter*> allConverters();

}  // namespace kiln::tensorflow
