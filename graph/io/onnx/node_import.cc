// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/node_import.h"

#include <algorithm>

#include "graph/io/onnx/importer.h"

namespace kiln::onnx {
namespace {

const Imported& nothing() {
  static const auto& imported = *new Imported();
  return imported;
}

// The elements of an integer tensor; false for other types.
bool readIntegers(const Tensor& tensor, std::vector<int64_t>& out) {
  if (!isInteger(tensor.dtype()) && tensor.dtype() != boolean) {
    return false;
  }
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    out.push_back(tensor.dtype() == i64 ? tensor.data<int64_t>()[i] : static_cast<int64_t>(tensor.at(i)));
  }
  return true;
}

// No list of axes, lengths or pads is longer.
constexpr int64_t kMostListed = 4096;

}  // namespace

NodeImport::NodeImport(Importer& importer, GraphBuilder& g, const NodeProto& proto, std::vector<Imported*> inputs)
    : g(g), proto(proto), importer_(importer), inputs_(std::move(inputs)), results_(proto.output_size()) {}

void NodeImport::fail(Status status) {
  if (status_.ok()) {
    status_ = std::move(status);
  }
}

Value NodeImport::in(int i) {
  if (!has(i)) {
    fail(invalid("input " + std::to_string(i) + " is left out"));
    return g.poisoned();
  }
  return importer_.materialize(*inputs_[i], g);
}

const Imported& NodeImport::imported(int i) {
  if (!has(i)) {
    fail(invalid("input " + std::to_string(i) + " is left out"));
    return nothing();
  }
  return *inputs_[i];
}

TensorPtr NodeImport::tryConstant(int i) { return has(i) ? inputs_[i]->constant : nullptr; }

std::optional<std::vector<Dim>> NodeImport::tryDims(int i) {
  if (!has(i)) {
    return std::nullopt;
  }
  const Imported& input = *inputs_[i];
  if (input.dims) {
    return input.dims;
  }
  if (input.constant == nullptr || input.shape.rank() > 1 || input.constant->numElements() > kMostListed) {
    return std::nullopt;
  }
  std::vector<int64_t> values;
  if (!readIntegers(*input.constant, values)) {
    return std::nullopt;
  }
  return std::vector<Dim>(values.begin(), values.end());
}

StatusOr<TensorPtr> NodeImport::constant(int i) {
  if (!has(i)) {
    return invalid("input " + std::to_string(i) + " is left out");
  }
  if (TensorPtr known = tryConstant(i)) {
    return known;
  }
  return importer_.require(*inputs_[i], proto.input(i));
}

StatusOr<std::vector<int64_t>> NodeImport::ints(int i) {
  KILN_ASSIGN_OR_RETURN(TensorPtr tensor, constant(i));
  std::vector<int64_t> values;
  if (tensor->rank() > 1 || tensor->numElements() > kMostListed || !readIntegers(*tensor, values)) {
    return invalid("input " + std::to_string(i) + " is " + std::string(toString(tensor->dtype())) +
                   Shape::of(tensor->dims()).toString() + ", wanted a short list of integers");
  }
  return values;
}

StatusOr<std::vector<double>> NodeImport::numbers(int i) {
  KILN_ASSIGN_OR_RETURN(TensorPtr tensor, constant(i));
  std::vector<double> values;
  if (tensor->rank() > 1 || tensor->numElements() > kMostListed) {
    return invalid("input " + std::to_string(i) + " has the shape " + Shape::of(tensor->dims()).toString() +
                   ", wanted a short list of numbers");
  }
  for (int64_t k = 0; k < tensor->numElements(); ++k) {
    values.push_back(tensor->at(k));
  }
  return values;
}

StatusOr<int64_t> NodeImport::integer(int i) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> values, ints(i));
  if (values.size() != 1) {
    return invalid("input " + std::to_string(i) + " has " + std::to_string(values.size()) + " elements, wanted 1");
  }
  return values[0];
}

StatusOr<double> NodeImport::number(int i) {
  KILN_ASSIGN_OR_RETURN(std::vector<double> values, numbers(i));
  if (values.size() != 1) {
    return invalid("input " + std::to_string(i) + " has " + std::to_string(values.size()) + " elements, wanted 1");
  }
  return values[0];
}

StatusOr<std::vector<Dim>> NodeImport::dims(int i) {
  if (auto known = tryDims(i)) {
    return *std::move(known);
  }
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> values, ints(i));
  return std::vector<Dim>(values.begin(), values.end());
}

const AttributeProto* NodeImport::find(std::string_view name) const {
  for (const AttributeProto& attribute : proto.attribute()) {
    if (attribute.name() == name) {
      return &attribute;
    }
  }
  return nullptr;
}

namespace {

Status wrongAttribute(const NodeImport& n, std::string_view name, const char* wanted) {
  return n.invalid("attribute '" + std::string(name) + "' is no " + wanted);
}

// Old files leave the type out.
bool isOfType(const AttributeProto& attribute, AttributeProto::AttributeType type) {
  return attribute.type() == type || attribute.type() == AttributeProto::UNDEFINED;
}

}  // namespace

int64_t NodeImport::integer(std::string_view name, int64_t otherwise) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return otherwise;
  }
  if (!isOfType(*attribute, AttributeProto::INT) || !attribute->has_i()) {
    fail(wrongAttribute(*this, name, "integer"));
    return otherwise;
  }
  return attribute->i();
}

double NodeImport::number(std::string_view name, double otherwise) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return otherwise;
  }
  if (!isOfType(*attribute, AttributeProto::FLOAT) || !attribute->has_f()) {
    fail(wrongAttribute(*this, name, "number"));
    return otherwise;
  }
  return static_cast<double>(attribute->f());
}

std::string NodeImport::text(std::string_view name, std::string_view otherwise) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return std::string(otherwise);
  }
  if (!isOfType(*attribute, AttributeProto::STRING) || !attribute->has_s()) {
    fail(wrongAttribute(*this, name, "text"));
    return std::string(otherwise);
  }
  return attribute->s();
}

std::vector<int64_t> NodeImport::ints(std::string_view name, std::vector<int64_t> otherwise) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return otherwise;
  }
  if (!isOfType(*attribute, AttributeProto::INTS) || attribute->has_i() || attribute->ints_size() > kMostListed) {
    fail(wrongAttribute(*this, name, "short list of integers"));
    return otherwise;
  }
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<double> NodeImport::numbers(std::string_view name, std::vector<double> otherwise) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return otherwise;
  }
  if (!isOfType(*attribute, AttributeProto::FLOATS) || attribute->has_f()) {
    fail(wrongAttribute(*this, name, "list of numbers"));
    return otherwise;
  }
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::vector<std::string> NodeImport::texts(std::string_view name) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) {
    return {};
  }
  if (!isOfType(*attribute, AttributeProto::STRINGS)) {
    fail(wrongAttribute(*this, name, "list of texts"));
    return {};
  }
  return {attribute->strings().begin(), attribute->strings().end()};
}

const GraphProto* NodeImport::graph(std::string_view name) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr || !attribute->has_g()) {
    fail(wrongAttribute(*this, name, "graph"));
    return nullptr;
  }
  return &attribute->g();
}

int64_t NodeImport::axisOf(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(invalid("axis " + std::to_string(axis) + " is outside of a tensor of rank " + std::to_string(rank)));
    return 0;
  }
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> NodeImport::axesOf(std::vector<int64_t> axes, int rank) {
  std::vector<bool> seen(static_cast<size_t>(std::max(rank, 1)), false);
  for (int64_t& axis : axes) {
    axis = axisOf(axis, rank);
    if (rank > 0 && seen[static_cast<size_t>(axis)]) {
      fail(invalid("axis " + std::to_string(axis) + " is named twice"));
    }
    seen[static_cast<size_t>(axis)] = true;
  }
  return axes;
}

void NodeImport::setImported(int i, Imported value) {
  if (i < numOutputs()) {
    results_[static_cast<size_t>(i)] = std::move(value);
  }
}

void NodeImport::set(int i, Value value, int elementType) {
  Imported result;
  result.value = value;
  result.dtype = value.dtype();
  result.shape = value.shape();
  result.elementType = elementType != 0 ? elementType : elementTypeOf(value.dtype());
  result.isBroken = value.isPoisoned();
  result.body = importer_.currentBody();
  setImported(i, std::move(result));
}

void NodeImport::set(int i, TensorPtr constant, int elementType) {
  Imported result;
  result.dtype = constant->dtype();
  result.shape = Shape::of(constant->dims());
  result.elementType = elementType != 0 ? elementType : elementTypeOf(constant->dtype());
  result.constant = std::move(constant);
  setImported(i, std::move(result));
}

void NodeImport::set(int i, Tensor constant, int elementType) {
  set(i, std::make_shared<const Tensor>(std::move(constant)), elementType);
}

void NodeImport::setDims(int i, std::vector<Dim> dims, bool isScalar) {
  Imported result;
  result.dtype = i64;
  result.elementType = TensorProto::INT64;
  if (!isScalar) {
    result.shape.push_back(static_cast<int64_t>(dims.size()));
  }
  if (std::ranges::all_of(dims, [](const Dim& dim) { return dim.isStatic(); })) {
    auto tensor = std::make_shared<Tensor>(i64, result.shape.staticDims());
    for (size_t k = 0; k < dims.size(); ++k) {
      tensor->mutableData<int64_t>()[k] = dims[k].value();
    }
    result.constant = std::move(tensor);
  }
  result.dims = std::move(dims);
  setImported(i, std::move(result));
}

void NodeImport::forward(int i, int j) {
  if (has(j)) {
    setImported(i, *inputs_[j]);
  } else {
    fail(invalid("input " + std::to_string(j) + " is left out"));
  }
}

StatusOr<std::vector<Imported>> NodeImport::importBody(const GraphProto& body, std::vector<Imported> arguments) {
  return importer_.importBody(body, std::move(arguments));
}

Value NodeImport::valueOf(Imported& imported) { return importer_.materialize(imported, g); }

Imported NodeImport::argument(Value value, int elementType) {
  Imported result;
  result.value = value;
  result.dtype = value.dtype();
  result.shape = value.shape();
  result.elementType = elementType != 0 ? elementType : elementTypeOf(value.dtype());
  result.body = importer_.currentBody();
  result.origins.isDecidedByRun = true;
  return result;
}

Status NodeImport::unsupported(std::string_view why) const {
  return makeError<ErrorId::kG0501>(importer_.currentNode() + ": " + std::string(why));
}

Status NodeImport::invalid(std::string_view why) const {
  return makeError<ErrorId::kG0502>(importer_.currentNode(), why);
}

}  // namespace kiln::onnx
