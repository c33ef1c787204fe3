// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shapes, movement and constants; movement.h has those with a file of their own.
#include "graph/io/onnx/movement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/importer.h"

namespace kiln::onnx {
namespace {

Dim productOf(const Shape& shape, int from, int to) {
  Dim product = 1;
  for (int i = from; i < to; ++i) {
    product = product * shape[i];
  }
  return product;
}

// --- constants

template <class T>
Tensor listOf(const std::vector<T>& values, bool isScalar) {
  Tensor tensor(dtypeOf<T>(),
                isScalar ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.mutableData<T>());
  return tensor;
}

Status setSparse(NodeImport& n, const SparseTensorProto& sparse) {
  KILN_ASSIGN_OR_RETURN(TensorPtr values, n.importer().model().tensor(sparse.values()));
  KILN_ASSIGN_OR_RETURN(TensorPtr indices, n.importer().model().tensor(sparse.indices()));
  const std::vector<int64_t> dims(sparse.dims().begin(), sparse.dims().end());
  const auto count = checkedNumElements(dims);
  constexpr int64_t kMostElements = int64_t{1} << 28;
  if (!count || *count > kMostElements || indices->dtype() != i64 || values->rank() != 1) {
    return n.invalid("attribute 'sparse_value' is no sparse tensor, or too large a one");
  }
  const int64_t numValues = values->numElements();
  const bool isLinear = indices->rank() == 1;
  const auto rank = static_cast<int64_t>(dims.size());
  if (indices->numElements() != (isLinear ? numValues : numValues * rank)) {
    return n.invalid("attribute 'sparse_value' has another number of indices than of values");
  }
  Tensor dense(values->dtype(), dims);
  const auto width = static_cast<size_t>(byteSize(values->dtype(), 1));
  for (int64_t i = 0; i < numValues; ++i) {
    int64_t at = isLinear ? indices->data<int64_t>()[i] : 0;
    for (int64_t k = 0; !isLinear && k < rank; ++k) {
      const int64_t index = indices->data<int64_t>()[i * rank + k], length = dims[static_cast<size_t>(k)];
      at = index < 0 || index >= length || at < 0 ? -1 : at * length + index;
    }
    if (at < 0 || at >= *count) {
      return n.invalid("attribute 'sparse_value' has an index outside of its shape");
    }
    std::copy_n(static_cast<const char*>(values->data()) + static_cast<size_t>(i) * width, width,
                static_cast<char*>(dense.mutableData()) + static_cast<size_t>(at) * width);
  }
  n.set(0, std::move(dense), sparse.values().data_type());
  return {};
}

Status convertConstant(NodeImport& n) {
  if (const AttributeProto* value = n.find("value"); value != nullptr && value->has_t()) {
    KILN_ASSIGN_OR_RETURN(TensorPtr tensor, n.importer().model().tensor(value->t()));
    n.set(0, std::move(tensor), value->t().data_type());
  } else if (const AttributeProto* sparse = n.find("sparse_value"); sparse != nullptr && sparse->has_sparse_tensor()) {
    return setSparse(n, sparse->sparse_tensor());
  } else if (n.hasAttribute("value_float")) {
    n.set(0, Tensor::scalar(static_cast<float>(n.number("value_float", 0))));
  } else if (n.hasAttribute("value_int")) {
    n.set(0, Tensor::scalar<int64_t>(n.integer("value_int", 0)));
  } else if (const AttributeProto* floats = n.find("value_floats")) {
    n.set(0, listOf(std::vector<float>(floats->floats().begin(), floats->floats().end()), false));
  } else if (const AttributeProto* integers = n.find("value_ints")) {
    n.set(0, listOf(std::vector<int64_t>(integers->ints().begin(), integers->ints().end()), false));
  } else if (n.hasAttribute("value_string") || n.hasAttribute("value_strings")) {
    return n.unsupported("strings");
  } else {
    return n.invalid("it has no value");
  }
  return {};
}

Status convertConstantOfShape(NodeImport& n) {
  Tensor value = Tensor::scalar(0.0f);
  int elementType = TensorProto::FLOAT;
  if (const AttributeProto* given = n.find("value")) {
    KILN_ASSIGN_OR_RETURN(TensorPtr tensor, n.importer().model().tensor(given->t()));
    if (tensor->numElements() != 1) {
      return n.invalid("attribute 'value' has " + std::to_string(tensor->numElements()) + " elements, wanted 1");
    }
    value = *tensor;
    value = Tensor(TensorView{value.dtype(), {}, value.data()});
    elementType = given->t().data_type();
  }
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> dims, dimsOrFound(n, 0, "filled"));
  for (Dim& dim : dims) {
    if (isNegativeForm(dim)) {
      return n.invalid("the shape " + Shape(dims).toString() + " has a negative length");
    }
    dim = asLength(n.g, dim);
  }
  n.set(0, broadcastTo(n.g.constant(std::move(value)), Shape(std::move(dims))), elementType);
  return {};
}

Status convertIdentity(NodeImport& n) {
  n.forward(0, 0);
  return {};
}

// --- shapes

Status convertShape(NodeImport& n) {
  const Shape& shape = n.shape(0);
  const int64_t rank = shape.rank();
  const auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = bound(n.integer("start", 0)), end = std::max(bound(n.integer("end", rank)), start);
  n.setDims(0, std::vector<Dim>(shape.begin() + start, shape.begin() + end));
  return {};
}

Status convertSize(NodeImport& n) {
  n.setDims(0, {n.shape(0).numElements()}, /*isScalar=*/true);
  return {};
}

// x in the shape; lengths that may be unequal are refused.
Status setReshaped(NodeImport& n, Value x, Shape shape) {
  if (x.isPoisoned()) {
    n.set(0, x, n.elementType(0));
    return {};
  }
  const Dim before = x.shape().numElements(), after = shape.numElements();
  if (!(before == after)) {
    const std::string what = x.shape().toString() + " does not become " + shape.toString();
    return before.isStatic() && after.isStatic() ? n.invalid(what) : n.unsupported(what + " over symbolic lengths");
  }
  n.set(0, reshape(x, std::move(shape)), n.elementType(0));
  return {};
}

Status convertReshape(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> dims, dimsOrFound(n, 1, "length"));
  const bool keepsZeros = n.integer("allowzero", 0) != 0;
  int unknown = -1;
  Dim known = 1;
  for (int i = 0; i < static_cast<int>(dims.size()); ++i) {
    Dim& dim = dims[static_cast<size_t>(i)];
    if (dim == Dim(0) && !keepsZeros) {
      if (i >= x.rank()) {
        return n.invalid("length " + std::to_string(i) + " of the new shape is that of an axis which " + x.toString() +
                         " does not have");
      }
      dim = x[i];
    }
    if (dim == Dim(-1)) {
      if (unknown >= 0) {
        return n.invalid("the new shape has -1 more than once");
      }
      unknown = i;
    } else if (dim.isStatic() && dim.value() < 0) {
      return n.invalid("the new shape " + Shape(dims).toString() + " has a negative length");
    } else {
      known = known * dim;
    }
  }
  if (unknown >= 0) {
    const Dim total = x.numElements();
    std::optional<Dim> length =
        known == Dim(0) ? (total == Dim(0) ? std::optional<Dim>(0) : std::nullopt) : total.dividedBy(known);
    if (!length) {
      const std::string what = "the " + total.toString() + " elements of " + x.toString() +
                               " are not known to be a multiple of " + known.toString();
      return total.isStatic() && known.isStatic() ? n.invalid(what) : n.unsupported(what + " over symbolic lengths");
    }
    dims[static_cast<size_t>(unknown)] = *length;
  }
  return setReshaped(n, n.in(0), Shape(std::move(dims)));
}

Status convertFlatten(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int rank = x.rank();
  const int64_t axis = n.integer("axis", 1);
  if (axis < -rank || axis > rank) {
    return n.invalid("axis " + std::to_string(axis) + " is outside of " + x.toString());
  }
  const int at = static_cast<int>(axis < 0 ? axis + rank : axis);
  return setReshaped(n, n.in(0), {productOf(x, 0, at), productOf(x, at, rank)});
}

Status convertSqueeze(NodeImport& n) {
  const Shape& x = n.shape(0);
  std::vector<bool> goes(static_cast<size_t>(x.rank()), false);
  if (n.has(1)) {
    KILN_ASSIGN_OR_RETURN(std::vector<int64_t> axes, n.ints(1));
    for (int64_t axis : n.axesOf(std::move(axes), x.rank())) {
      if (axis < x.rank()) {
        goes[static_cast<size_t>(axis)] = true;
      }
    }
  } else {
    for (int i = 0; i < x.rank(); ++i) {
      goes[static_cast<size_t>(i)] = x[i] == Dim(1);
    }
  }
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (!goes[static_cast<size_t>(i)]) {
      shape.push_back(x[i]);
    } else if (!(x[i] == Dim(1))) {
      const std::string what = "axis " + std::to_string(i) + " of " + x.toString() + " is squeezed and not of length 1";
      return x[i].isStatic() ? n.invalid(what) : n.unsupported(what + ", over symbolic lengths");
    }
  }
  return setReshaped(n, n.in(0), std::move(shape));
}

Status convertUnsqueeze(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> axes, n.ints(1));
  const Shape& x = n.shape(0);
  const int rank = x.rank() + static_cast<int>(axes.size());
  axes = n.axesOf(std::move(axes), rank);
  KILN_RETURN_IF_ERROR(n.status());
  Shape shape;
  for (int i = 0, next = 0; i < rank; ++i) {
    shape.push_back(std::ranges::find(axes, i) != axes.end() ? Dim(1) : x[next++]);
  }
  return setReshaped(n, n.in(0), std::move(shape));
}

// --- order

Status convertTranspose(NodeImport& n) {
  const int rank = n.rank(0);
  std::vector<int64_t> order(static_cast<size_t>(rank));
  std::iota(order.rbegin(), order.rend(), 0);
  if (n.hasAttribute("perm")) {
    order = n.axesOf(n.ints("perm"), rank);
    KILN_RETURN_IF_ERROR(n.status());
    if (static_cast<int>(order.size()) != rank) {
      return n.invalid("attribute 'perm' has " + std::to_string(order.size()) + " axes, and the tensor " +
                       std::to_string(rank));
    }
  }
  n.set(0, transpose(n.in(0), std::move(order)), n.elementType(0));
  return {};
}

Status convertConcat(NodeImport& n) {
  if (n.numInputs() == 0) {
    return n.invalid("it has no inputs");
  }
  const int rank = n.rank(0);
  const int64_t axis = n.axisOf(n.integer("axis", 0), rank);
  KILN_RETURN_IF_ERROR(n.status());
  std::vector<Value> parts;
  for (int i = 0; i < n.numInputs(); ++i) {
    const Shape& shape = n.shape(i);
    if (shape.rank() != rank || n.dtype(i) != n.dtype(0)) {
      return n.invalid("input " + std::to_string(i) + " is " + std::string(toString(n.dtype(i))) + shape.toString() +
                       ", and input 0 " + std::string(toString(n.dtype(0))) + n.shape(0).toString());
    }
    for (int k = 0; k < rank; ++k) {
      if (k != axis && !(shape[k] == n.shape(0)[k])) {
        const std::string what =
            n.shape(0).toString() + " and " + shape.toString() + " differ beside axis " + std::to_string(axis);
        return shape[k].isStatic() && n.shape(0)[k].isStatic() ? n.invalid(what)
                                                               : n.unsupported(what + ", over symbolic lengths");
      }
    }
    parts.push_back(n.in(i));
  }
  n.set(0, parts.size() == 1 ? parts[0] : concat(parts, axis), n.elementType(0));
  return {};
}

Status convertTile(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> repeats, dimsOrFound(n, 1, "repeats"));
  if (static_cast<int>(repeats.size()) != x.rank()) {
    return n.invalid("it has " + std::to_string(repeats.size()) + " repeats for " + std::to_string(x.rank()) + " axes");
  }
  Shape spread, repeated, result;
  std::vector<int64_t> numbers;
  for (int i = 0; i < x.rank(); ++i) {
    if (isNegativeForm(repeats[static_cast<size_t>(i)])) {
      return n.invalid("a number of repeats is " + repeats[static_cast<size_t>(i)].toString());
    }
    const Dim times = asLength(n.g, repeats[static_cast<size_t>(i)]);
    if (times.isStatic()) {
      numbers.push_back(times.value());
    }
    spread.push_back(1);
    spread.push_back(x[i]);
    repeated.push_back(times);
    repeated.push_back(x[i]);
    result.push_back(times * x[i]);
  }
  if (static_cast<int>(numbers.size()) == x.rank()) {
    n.set(0, tile(n.in(0), std::move(numbers)), n.elementType(0));
  } else {
    n.set(0, reshape(broadcastTo(reshape(n.in(0), std::move(spread)), std::move(repeated)), std::move(result)),
          n.elementType(0));
  }
  return {};
}

Status convertExpand(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> wanted, dimsOrFound(n, 1, "length"));
  const int rank = std::max(x.rank(), static_cast<int>(wanted.size()));
  const int before = rank - x.rank(), beforeWanted = rank - static_cast<int>(wanted.size());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const Dim has = i < before ? Dim(1) : x[i - before];
    const Dim asked = i < beforeWanted ? Dim(1) : wanted[static_cast<size_t>(i - beforeWanted)];
    if (has == asked || asked == Dim(1)) {
      result.push_back(has);
    } else if (has == Dim(1) && !isNegativeForm(asked)) {
      result.push_back(asLength(n.g, asked));
    } else if (has.isStatic() && !asked.isStatic()) {
      result.push_back(has);  // what is asked for is 1 or the same
    } else {
      const std::string what = x.toString() + " does not expand to " + Shape(wanted).toString();
      return has.isStatic() ? n.invalid(what) : n.unsupported(what + " over symbolic lengths");
    }
  }
  n.set(0, broadcastTo(n.in(0), std::move(result)), n.elementType(0));
  return {};
}

// --- made

Status convertRange(NodeImport& n) {
  const DType dtype = n.dtype(0);
  for (int i = 0; i < 3; ++i) {
    if (n.imported(i).shape.numElements() != Dim(1) || n.dtype(i) != dtype) {
      return n.invalid("start, limit and delta are scalars of one type");
    }
  }
  auto start = n.tryDims(0), limit = n.tryDims(1), delta = n.tryDims(2);
  if (start && limit && delta && delta->front().isStatic() && delta->front().value() != 0) {
    const int64_t step = delta->front().value();
    const Dim distance = step > 0 ? limit->front() - start->front() : start->front() - limit->front();
    const Dim length = Dim::ceilDiv(asLength(n.g, distance), Dim(std::abs(step)));
    const Value steps = mul(iota(n.g, {length}), scalarOf(n.g, Dim(step)));
    n.set(0, cast(add(steps, scalarOf(n.g, start->front())), dtype));
    return {};
  }
  std::vector<Value> given;
  for (int i = 0; i < 3; ++i) {
    given.push_back(reshape(n.in(i), Shape{}));
  }
  KILN_RETURN_IF_ERROR(n.status());
  Value count;
  Dim length;
  const TensorPtr known[] = {n.tryConstant(0), n.tryConstant(1), n.tryConstant(2)};
  if (known[0] != nullptr && known[1] != nullptr && known[2] != nullptr) {
    const double steps = std::ceil((known[1]->at(0) - known[0]->at(0)) / known[2]->at(0));
    if (!(steps < static_cast<double>(DimRange::kUnbounded))) {
      return n.invalid("there is no end to it");
    }
    length = static_cast<int64_t>(std::max(steps, 0.0));
  } else {
    if (isInteger(dtype)) {
      const Value from = cast(given[0], i64), to = cast(given[1], i64), by = cast(given[2], i64);
      count = div(sub(add(sub(to, from), by), sign(by)), by);
    } else {
      const Value from = cast(given[0], f64), to = cast(given[1], f64), by = cast(given[2], f64);
      count = cast(ceil(div(sub(to, from), by)), i64);
    }
    length = bindDim(n.g, maximum(count, 0), "range");
  }
  // 16-bit floats count exactly in f32 only.
  const DType wide = dtype == f16 || dtype == bf16 ? f32 : dtype;
  const Value steps = mul(iota(n.g, {length}, 0, wide), cast(given[2], wide));
  n.set(0, cast(add(steps, cast(given[0], wide)), dtype));
  return {};
}

Status convertEyeLike(NodeImport& n) {
  if (n.rank(0) != 2) {
    return n.invalid("its input has rank " + std::to_string(n.rank(0)) + ", wanted 2");
  }
  const int elementType = static_cast<int>(n.integer("dtype", n.elementType(0)));
  KILN_ASSIGN_OR_RETURN(DType dtype, storageType(elementType, n.proto.output(0)));
  if (isFloat8(elementType)) {
    return n.unsupported("elements of type " + elementTypeName(elementType));
  }
  const Shape& shape = n.shape(0);
  const Value isOne = equal(iota(n.g, shape, 1), add(iota(n.g, shape, 0), n.integer("k", 0)));
  n.set(0, cast(isOne, dtype), elementType);
  return {};
}

Status convertTrilu(NodeImport& n) {
  const int rank = n.rank(0);
  if (rank < 2) {
    return n.invalid("its input has rank " + std::to_string(rank) + ", wanted 2 or more");
  }
  const bool isUpper = n.integer("upper", 1) != 0;
  const TensorPtr known = n.has(1) ? n.tryConstant(1) : std::make_shared<const Tensor>(Tensor::scalar<int64_t>(0));
  if (known != nullptr && known->numElements() == 1 && known->dtype() == i64) {
    // Beyond the corners all diagonals are alike.
    constexpr int64_t kFar = int64_t{1} << 40;
    const int64_t k = std::clamp<int64_t>(known->data<int64_t>()[0], -kFar, kFar);
    n.set(0, triangular(n.in(0), isUpper, k), n.elementType(0));
    return {};
  }
  const Shape& x = n.shape(0);
  const Shape matrix{x[rank - 2], x[rank - 1]};
  const Value diagonal = sub(iota(n.g, matrix, 1), iota(n.g, matrix, 0)), k = integerScalar(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  const Value stays = isUpper ? greaterEqual(diagonal, k) : lessEqual(diagonal, k);
  const Value zero = n.dtype(0) == boolean ? n.g.constant(Tensor::scalar(false)) : n.g.scalar(0, n.dtype(0));
  n.set(0, select(stays, n.in(0), zero), n.elementType(0));
  return {};
}

// --- blocks

Status convertDepthToSpace(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int64_t block = n.integer("blocksize", 0);
  const std::string mode = n.text("mode", "DCR");
  if (x.rank() != 4 || block < 1 || block > (int64_t{1} << 15) || (mode != "DCR" && mode != "CRD")) {
    return n.invalid("it takes a tensor of rank 4, a blocksize of 1 or more, and the mode DCR or CRD");
  }
  const auto depth = x[1].dividedBy(Dim(block * block));
  if (!depth) {
    return n.invalid("the depth " + x[1].toString() + " is no multiple of " + std::to_string(block * block));
  }
  const bool isDepthFirst = mode == "DCR";
  const Value parts = reshape(n.in(0), isDepthFirst ? Shape{x[0], block, block, *depth, x[2], x[3]}
                                                    : Shape{x[0], *depth, block, block, x[2], x[3]});
  const Value moved =
      transpose(parts, isDepthFirst ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3});
  n.set(0, reshape(moved, {x[0], *depth, x[2] * Dim(block), x[3] * Dim(block)}), n.elementType(0));
  return {};
}

Status convertSpaceToDepth(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int64_t block = n.integer("blocksize", 0);
  if (x.rank() != 4 || block < 1 || block > (int64_t{1} << 15)) {
    return n.invalid("it takes a tensor of rank 4 and a blocksize of 1 or more");
  }
  const auto height = x[2].dividedBy(Dim(block)), width = x[3].dividedBy(Dim(block));
  if (!height || !width) {
    const std::string what = x.toString() + " has no whole number of blocks of " + std::to_string(block);
    return x[2].isStatic() && x[3].isStatic() ? n.invalid(what) : n.unsupported(what + " over symbolic lengths");
  }
  const Value parts = reshape(n.in(0), {x[0], x[1], *height, block, *width, block});
  n.set(0, reshape(transpose(parts, {0, 3, 5, 1, 2, 4}), {x[0], x[1] * Dim(block * block), *height, *width}),
        n.elementType(0));
  return {};
}

Status convertReverseSequence(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int64_t batch = n.integer("batch_axis", 1), time = n.integer("time_axis", 0);
  if (x.rank() < 2 || batch == time || batch < 0 || batch > 1 || time < 0 || time > 1 || n.rank(1) != 1) {
    return n.invalid("time_axis and batch_axis are 0 and 1, and sequence_lens is a vector");
  }
  std::vector<int64_t> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[0], order[static_cast<size_t>(batch)]);
  const Value rows = transpose(n.in(0), order);
  const Shape places{x[static_cast<int>(batch)], x[static_cast<int>(time)]};
  const Value position = iota(n.g, places, 1), length = expandDims(cast(n.in(1), i64), 1);
  const Value from = select(less(position, length), sub(sub(length, 1), position), position);
  n.set(0, transpose(gather(rows, from, 1, 1), order), n.elementType(0));
  return {};
}

}  // namespace

std::span<const Converter> movementConverters() {
  static constexpr Converter kConverters[] = {
      {"CenterCropPad", convertCenterCropPad},
      {"Concat", convertConcat},
      {"Constant", convertConstant},
      {"ConstantOfShape", convertConstantOfShape},
      {"DepthToSpace", convertDepthToSpace},
      {"Expand", convertExpand},
      {"EyeLike", convertEyeLike},
      {"Flatten", convertFlatten},
      {"Identity", convertIdentity},
      {"Pad", convertPad},
      {"Range", convertRange},
      {"Reshape", convertReshape},
      {"ReverseSequence", convertReverseSequence},
      {"Shape", convertShape},
      {"Size", convertSize},
      {"Slice", convertSlice},
      {"SpaceToDepth", convertSpaceToDepth},
      {"Split", convertSplit},
      {"Squeeze", convertSqueeze},
      {"Tile", convertTile},
      {"Transpose", convertTranspose},
      {"Trilu", convertTrilu},
      {"Unsqueeze", convertUnsqueeze},
  };
  return kConverters;
}

}  // namespace kiln::onnx
