// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/node_import.h"

#include <algorithm>

#include "graph/io/tensorflow/importer.h"

namespace kiln::tensorflow {
namespace {

// No list of axes, lengths or pads is longer, and no op has more outputs.
constexpr int64_t kMostListed = 4096;

// The elements of an integer tensor; false for other types.
bool readIntegers(const Tensor& tensor, std::vector<int64_t>& out) {
  if (!isInteger(tensor.dtype()) && tensor.dtype() != kiln::boolean) {
    return false;
  }
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    out.push_back(tensor.dtype() == i64 ? tensor.data<int64_t>()[i] : static_cast<int64_t>(tensor.at(i)));
  }
  return true;
}

std::string inputName(int i) { return "input " + std::to_string(i); }

}  // namespace

NodeImport::NodeImport(Importer& importer, GraphBuilder& g, const wire::NodeDef& proto, std::vector<ImportedPtr> inputs)
    : g(g), proto(proto), importer_(importer), inputs_(std::move(inputs)) {}

void NodeImport::fail(Status status) {
  if (status_.ok()) {
    status_ = std::move(status);
  }
}

Imported& NodeImport::imported(int i) {
  if (i >= numInputs()) {
    fail(invalid(inputName(i) + " is missing"));
    return nothing_;
  }
  return *inputs_[static_cast<size_t>(i)];
}

Value NodeImport::in(int i) {
  Imported& input = imported(i);
  if (i >= numInputs()) {
    return g.poisoned();
  }
  if (input.list != nullptr) {
    fail(invalid(inputName(i) + " is a list of tensors"));
    return g.poisoned();
  }
  return importer_.materialize(input, g);
}

std::vector<Value> NodeImport::rest(int first) {
  std::vector<Value> values;
  for (int i = first; i < numInputs(); ++i) {
    values.push_back(in(i));
  }
  return values;
}

TensorPtr NodeImport::tryConstant(int i) {
  Imported& input = imported(i);
  if (input.constant == nullptr && input.dims &&
      std::ranges::all_of(*input.dims, [](const Dim& dim) { return dim.isStatic(); })) {
    auto tensor = std::make_shared<Tensor>(input.dtype, input.shape.staticDims());
    for (size_t k = 0; k < input.dims->size(); ++k) {
      if (input.dtype == i64) {
        tensor->mutableData<int64_t>()[k] = (*input.dims)[k].value();
      } else {
        tensor->set(static_cast<int64_t>(k), static_cast<double>((*input.dims)[k].value()));
      }
    }
    input.constant = std::move(tensor);
  }
  return input.constant;
}

std::optional<std::vector<Dim>> NodeImport::tryDims(int i) {
  const Imported& input = imported(i);
  if (input.dims) {
    return input.dims;
  }
  if (input.constant == nullptr || input.shape.rank() > 1 || input.constant->numElements() > kMostListed) {
    return std::nullopt;
  }
  std::vector<int64_t> values;
  if (input.dtype == kiln::boolean || !readIntegers(*input.constant, values)) {
    return std::nullopt;
  }
  return std::vector<Dim>(values.begin(), values.end());
}

StatusOr<TensorPtr> NodeImport::constant(int i) {
  if (i >= numInputs()) {
    return invalid(inputName(i) + " is missing");
  }
  if (TensorPtr known = tryConstant(i)) {
    return known;
  }
  return importer_.require(imported(i), imported(i).name);
}

StatusOr<std::vector<int64_t>> NodeImport::ints(int i) {
  KILN_ASSIGN_OR_RETURN(TensorPtr tensor, constant(i));
  std::vector<int64_t> values;
  if (tensor->rank() > 1 || tensor->numElements() > kMostListed || !readIntegers(*tensor, values)) {
    return invalid(inputName(i) + " is " + std::string(toString(tensor->dtype())) +
                   Shape::of(tensor->dims()).toString() + ", wanted a short list of integers");
  }
  return values;
}

StatusOr<int64_t> NodeImport::integer(int i) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> values, ints(i));
  if (values.size() != 1) {
    return invalid(inputName(i) + " has " + std::to_string(values.size()) + " elements, wanted 1");
  }
  return values[0];
}

StatusOr<double> NodeImport::number(int i) {
  KILN_ASSIGN_OR_RETURN(TensorPtr tensor, constant(i));
  if (tensor->numElements() != 1) {
    return invalid(inputName(i) + " has " + std::to_string(tensor->numElements()) + " elements, wanted 1");
  }
  return tensor->at(0);
}

StatusOr<std::vector<Dim>> NodeImport::dims(int i) {
  if (auto known = tryDims(i)) {
    return *std::move(known);
  }
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> values, ints(i));
  return std::vector<Dim>(values.begin(), values.end());
}

StatusOr<int64_t> NodeImport::axis(int i, int rank) {
  KILN_ASSIGN_OR_RETURN(const int64_t given, integer(i));
  return axisOf(given, rank);
}

StatusOr<std::vector<int64_t>> NodeImport::axes(int i, int rank) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> given, ints(i));
  std::vector<bool> seen(static_cast<size_t>(std::max(rank, 1)), false);
  for (int64_t& axis : given) {
    axis = axisOf(axis, rank);
    if (rank > 0 && seen[static_cast<size_t>(axis)]) {
      return invalid("axis " + std::to_string(axis) + " is named twice");
    }
    seen[static_cast<size_t>(axis)] = true;
  }
  return given;
}

int64_t NodeImport::axisOf(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(invalid("axis " + std::to_string(axis) + " is outside of a tensor of rank " + std::to_string(rank)));
    return 0;
  }
  return axis < 0 ? axis + rank : axis;
}

// --- attributes

const wire::AttrValue* NodeImport::find(std::string_view name) const {
  auto found = proto.attr().find(std::string(name));
  if (found == proto.attr().end()) {
    return nullptr;
  }
  // In a function, the call's attribute may be meant.
  return found->second.value_case() == wire::AttrValue::kPlaceholder ? importer_.argumentOf(found->second.placeholder())
                                                                     : &found->second;
}

namespace {

Status wrongAttribute(const NodeImport& n, std::string_view name, const char* wanted) {
  return n.invalid("attribute '" + std::string(name) + "' is no " + wanted);
}

}  // namespace

int64_t NodeImport::integer(std::string_view name, int64_t otherwise) {
  const wire::AttrValue* attribute = find(name);
  if (attribute != nullptr && attribute->value_case() != wire::AttrValue::kI) {
    fail(wrongAttribute(*this, name, "integer"));
    return otherwise;
  }
  return attribute == nullptr ? otherwise : attribute->i();
}

bool NodeImport::boolean(std::string_view name, bool otherwise) {
  const wire::AttrValue* attribute = find(name);
  if (attribute != nullptr && attribute->value_case() != wire::AttrValue::kB) {
    fail(wrongAttribute(*this, name, "truth value"));
    return otherwise;
  }
  return attribute == nullptr ? otherwise : attribute->b();
}

double NodeImport::number(std::string_view name, double otherwise) {
  const wire::AttrValue* attribute = find(name);
  if (attribute != nullptr && attribute->value_case() != wire::AttrValue::kF) {
    fail(wrongAttribute(*this, name, "number"));
    return otherwise;
  }
  return attribute == nullptr ? otherwise : static_cast<double>(attribute->f());
}

std::string NodeImport::text(std::string_view name, std::string_view otherwise) {
  const wire::AttrValue* attribute = find(name);
  if (attribute != nullptr && attribute->value_case() != wire::AttrValue::kS) {
    fail(wrongAttribute(*this, name, "text"));
    return std::string(otherwise);
  }
  return attribute == nullptr ? std::string(otherwise) : attribute->s();
}

std::vector<int64_t> NodeImport::ints(std::string_view name) {
  const wire::AttrValue* attribute = find(name);
  if (attribute == nullptr) {
    return {};
  }
  if (attribute->value_case() != wire::AttrValue::kList || attribute->list().i_size() > kMostListed) {
    fail(wrongAttribute(*this, name, "short list of integers"));
    return {};
  }
  return {attribute->list().i().begin(), attribute->list().i().end()};
}

DType NodeImport::type(std::string_view name, DType otherwise) {
  const wire::AttrValue* attribute = find(name);
  if (attribute == nullptr) {
    return otherwise;
  }
  if (attribute->value_case() != wire::AttrValue::kType || !isKnownDType(attribute->type()) ||
      attribute->type() == wire::DT_STRING) {
    fail(unsupported("attribute '" + std::string(name) + "' is a type that Kiln does not compute with"));
    return otherwise;
  }
  return static_cast<DType>(attribute->type());
}

// --- results

void NodeImport::setImported(int i, Imported value) {
  if (static_cast<size_t>(i) >= results_.size()) {
    results_.resize(static_cast<size_t>(i) + 1);
  }
  results_[static_cast<size_t>(i)] = std::move(value);
}

void NodeImport::set(int i, Value value) {
  Imported result;
  result.value = value;
  result.isBroken = value.builder() == nullptr || value.isPoisoned();
  if (!result.isBroken) {
    result.dtype = value.dtype();
    result.shape = value.shape();
  }
  result.body = importer_.currentBody();
  setImported(i, std::move(result));
}

void NodeImport::set(int i, TensorPtr constant) {
  Imported result;
  result.dtype = constant->dtype();
  result.shape = Shape::of(constant->dims());
  result.constant = std::move(constant);
  setImported(i, std::move(result));
}

void NodeImport::set(int i, Tensor constant) { set(i, std::make_shared<const Tensor>(std::move(constant))); }

void NodeImport::setDims(int i, std::vector<Dim> dims, DType dtype, bool isScalar) {
  Imported result;
  result.dtype = dtype;
  if (!isScalar) {
    result.shape.push_back(static_cast<int64_t>(dims.size()));
  }
  result.dims = std::move(dims);
  setImported(i, std::move(result));
}

void NodeImport::forward(int i, int j) { setImported(i, imported(j)); }

// --- lists

std::shared_ptr<ListType> NodeImport::list(int i) {
  if (imported(i).list == nullptr) {
    fail(invalid(inputName(i) + " is no list of tensors"));
  }
  return imported(i).list;
}

StatusOr<Value> NodeImport::elements(int i) {
  if (list(i) == nullptr) {
    return status_;
  }
  const Value value = importer_.materialize(imported(i), g);
  if (value.isPoisoned()) {
    return unsupported("its list has elements of unknown shape");
  }
  return value;
}

bool NodeImport::unify(ListType& list, const Value& element) {
  if (element.isPoisoned()) {
    return false;
  }
  if (!list.element) {
    list.element = element.shape();
  }
  if (*list.element != element.shape() || list.dtype != element.dtype()) {
    fail(invalid("its list holds " + std::string(toString(list.dtype)) + list.element->toString() + ", and is given " +
                 std::string(toString(element.dtype())) + element.shape().toString()));
    return false;
  }
  return true;
}

void NodeImport::setList(int i, std::shared_ptr<ListType> list, std::optional<Value> elements) {
  Imported result;
  result.dtype = list->dtype;
  result.list = std::move(list);
  if (elements) {
    result.value = *elements;
    result.isBroken = elements->isPoisoned();
    result.body = importer_.currentBody();
  }
  setImported(i, std::move(result));
}

// --- errors

Status NodeImport::unsupported(std::string_view why) const {
  return makeError<ErrorId::kG0501>(importer_.currentNode() + ": " + std::string(why));
}

Status NodeImport::invalid(std::string_view why) const {
  return makeError<ErrorId::kG0502>(importer_.currentNode(), why);
}

}  // namespace kiln::tensorflow
