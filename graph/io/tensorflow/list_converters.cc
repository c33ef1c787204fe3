// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lists of tensors of one type: TensorArray of TensorFlow 1, and the lists that functional loops carry. Both are a
// tensor of all their elements; of a TensorArray it is the flow that stands for the elements.
#include <algorithm>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

// A shape of an attribute or a list of lengths, when it says all lengths.
std::optional<Shape> known(const wire::AttrValue* attribute) {
  if (attribute == nullptr || !attribute->has_shape() || attribute->shape().unknown_rank()) {
    return std::nullopt;
  }
  Shape shape;
  for (const auto& dim : attribute->shape().dim()) {
    if (dim.size() < 0) {
      return std::nullopt;
    }
    shape.push_back(dim.size());
  }
  return shape.isStatic() && checkedNumElements(shape.staticDims()) ? std::optional(shape) : std::nullopt;
}

std::optional<Shape> known(const std::optional<std::vector<Dim>>& dims, const Imported& input) {
  if (!dims || input.shape.rank() != 1) {
    return std::nullopt;
  }
  for (const Dim& dim : *dims) {
    if (dim.isStatic() && dim.value() < 0) {
      return std::nullopt;
    }
  }
  return Shape(*dims);
}

StatusOr<Dim> sizeOf(NodeImport& n, int i) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> dims, n.dims(i));
  if (dims.size() != 1 || (dims[0].isStatic() && dims[0].value() < 0)) {
    return n.invalid("the size of its list is no length");
  }
  return dims[0];
}

// Whether input i counts all places of a list in order.
bool countsAll(NodeImport& n, int i, const Dim& size) {
  const Imported& input = n.imported(i);
  if (input.iotaLength) {
    return *input.iotaLength == size;
  }
  const auto dims = n.tryDims(i);
  if (!dims || Dim(static_cast<int64_t>(dims->size())) != size || input.shape.rank() != 1) {
    return false;
  }
  for (size_t k = 0; k < dims->size(); ++k) {
    if ((*dims)[k] != Dim(static_cast<int64_t>(k))) {
      return false;
    }
  }
  return true;
}

// The part of a stacked value that one element is.
Shape elementOf(const Value& stacked) {
  const Shape& shape = stacked.shape();
  return Shape(std::vector<Dim>(shape.begin() + 1, shape.end()));
}

// Element `index` of the list of input `list`.
Status read(NodeImport& n, int list, int index) {
  KILN_ASSIGN_OR_RETURN(const Value elements, n.elements(list));
  n.set(0, gather(elements, n.in(index), 0));
  return {};
}

// The list of input `list` with one element changed.
Status write(NodeImport& n, int list, int index, int element) {
  const auto type = n.list(list);
  const Value value = n.in(element), place = n.in(index);
  if (type == nullptr || !n.unify(*type, value)) {
    return n.status();
  }
  KILN_ASSIGN_OR_RETURN(const Value elements, n.elements(list));
  n.setList(0, type, scatterSlices(elements, reshape(place, Shape{1}), expandDims(value, 0)));
  return {};
}

// A list of the rows of input `value`.
Status fromRows(NodeImport& n, std::shared_ptr<ListType> type, int value) {
  const Value rows = n.in(value);
  if (rows.isPoisoned() || rows.rank() < 1) {
    return n.invalid("its tensor is a scalar");
  }
  const Shape element = elementOf(rows);
  if (type->element && *type->element != element) {
    return n.invalid("its list has elements of " + type->element->toString() + ", and is given " + element.toString());
  }
  if (type->size != rows.shape()[0] || type->dtype != rows.dtype()) {
    return n.invalid("its list has " + type->size.toString() + " elements, and is given " + rows.shape().toString());
  }
  type->element = element;
  n.setList(0, std::move(type), rows);
  return {};
}

// --- TensorArray

Status convertTensorArray(NodeImport& n) {
  if (n.boolean("dynamic_size", false)) {
    return n.unsupported("an array that grows");
  }
  auto type = std::make_shared<ListType>();
  type->dtype = n.type("dtype", f32);
  KILN_ASSIGN_OR_RETURN(type->size, sizeOf(n, 0));
  type->element = known(n.find("element_shape"));
  n.setList(0, type, std::nullopt);
  n.setList(1, type, std::nullopt);
  return {};
}

Status convertArrayRead(NodeImport& n) { return read(n, 2, 1); }
Status convertArrayWrite(NodeImport& n) { return write(n, 3, 1, 2); }

Status convertArrayScatter(NodeImport& n) {
  const auto type = n.list(0);
  if (type == nullptr) {
    return {};
  }
  if (countsAll(n, 1, type->size)) {
    return fromRows(n, type, 2);
  }
  const Value rows = n.in(2);
  if (rows.isPoisoned() || rows.rank() < 1) {
    return n.invalid("its tensor is a scalar");
  }
  type->element = type->element ? type->element : elementOf(rows);
  KILN_ASSIGN_OR_RETURN(const Value elements, n.elements(3));
  n.setList(0, type, scatterSlices(elements, n.in(1), rows));
  return {};
}

Status convertArrayGather(NodeImport& n) {
  const auto type = n.list(2);
  KILN_ASSIGN_OR_RETURN(const Value elements, n.elements(2));
  n.set(0, countsAll(n, 1, type->size) ? elements : gather(elements, n.in(1), 0));
  return {};
}

Status convertArraySize(NodeImport& n) {
  const auto type = n.list(0);
  if (type != nullptr) {
    n.setDims(0, {type->size}, i32, true);
  }
  return {};
}

// --- lists of functional loops

Status convertListReserve(NodeImport& n) {
  auto type = std::make_shared<ListType>();
  type->dtype = n.type("element_dtype", f32);
  KILN_ASSIGN_OR_RETURN(type->size, sizeOf(n, 1));
  type->element = known(n.tryDims(0), n.imported(0));
  n.setList(0, type, std::nullopt);
  return {};
}

Status convertListFromTensor(NodeImport& n) {
  auto type = std::make_shared<ListType>();
  type->dtype = n.dtype(0);
  const Value rows = n.in(0);
  if (rows.isPoisoned() || rows.rank() < 1) {
    return n.invalid("its tensor is a scalar");
  }
  type->size = rows.shape()[0];
  return fromRows(n, std::move(type), 0);
}

Status convertListGet(NodeImport& n) { return read(n, 0, 1); }
Status convertListSet(NodeImport& n) { return write(n, 0, 1, 2); }

Status convertListStack(NodeImport& n) {
  const auto type = n.list(0);
  if (type != nullptr && !type->element) {
    type->element = known(n.tryDims(1), n.imported(1));
  }
  KILN_ASSIGN_OR_RETURN(const Value elements, n.elements(0));
  n.set(0, elements);
  return {};
}

Status convertListLength(NodeImport& n) {
  const auto type = n.list(0);
  if (type != nullptr) {
    n.setDims(0, {type->size}, i32, true);
  }
  return {};
}

Status convertListElementShape(NodeImport& n) {
  const auto type = n.list(0);
  if (type == nullptr) {
    return {};
  }
  if (!type->element) {
    return n.unsupported("its list has elements of unknown shape");
  }
  n.setDims(0, type->element->dims(), n.type("shape_type", i32), false);
  return {};
}

constexpr Converter kConverters[] = {
    {"TensorArrayGatherV3", convertArrayGather},
    {"TensorArrayReadV3", convertArrayRead},
    {"TensorArrayScatterV3", convertArrayScatter},
    {"TensorArraySizeV3", convertArraySize},
    {"TensorArrayV3", convertTensorArray},
    {"TensorArrayWriteV3", convertArrayWrite},
    {"TensorListElementShape", convertListElementShape},
    {"TensorListFromTensor", convertListFromTensor},
    {"TensorListGetItem", convertListGet},
    {"TensorListLength", convertListLength},
    {"TensorListReserve", convertListReserve},
    {"TensorListSetItem", convertListSet},
    {"TensorListStack", convertListStack},
};

}  // namespace

std::span<const Converter> listConverters() { return kConverters; }

}  // namespace kiln::tensorflow
