// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/tensor_list.h"

#include "graph/build/operations.h"

namespace kiln {
namespace {

Value asIndex(GraphBuilder& g, const Operand& index) {
  return index.number ? g.scalar(*index.number, i64, index.where) : cast(index, i64);
}

bool isUsable(const Value& value) { return value.builder() != nullptr && !value.isPoisoned(); }

}  // namespace

TensorList TensorList::create(GraphBuilder& g, DType dtype, const Shape& element, Dim capacity, Where where) {
  std::vector<Dim> dims = {std::move(capacity)};
  dims.insert(dims.end(), element.begin(), element.end());
  const auto scope = g.scope("tensor_list", where);
  return TensorList(full(g, Shape(std::move(dims)), 0, dtype, where), g.scalar(0, i64, where));
}

TensorList TensorList::fromState(const Values& state) {
  return state.size() < 2 ? TensorList(Value(), Value()) : TensorList(state[0], state[1]);
}

Value TensorList::put(Value at, Value element, Where where) const {
  return elements_.builder()->makeNode("scatter_slices", {elements_, at, element},
                                       {{"axis", int64_t{0}}, {"allow_negative", false}}, "", where)[0];
}

TensorList TensorList::append(Value element, Where where) const {
  if (!isUsable(elements_) || !isUsable(size_)) {
    return *this;
  }
  // A full list has its capacity as the index, which no place has.
  return TensorList(put(size_, element, where), Operand(size_, where) + Operand(1, where));
}

// An index of no element becomes one that no place has, whatever the capacity.
static Value checkedIndex(const TensorList& list, const Operand& index) {
  const Value size = list.size();
  const Operand at(asIndex(*size.builder(), index), index.where);
  const Operand capacity(
      reshape(Operand(size.builder()->makeNode("shape_value", {}, {{"shape", Shape{list.stack().shape()[0]}}}, "",
                                               index.where)[0],
                      index.where),
              Shape{}),
      index.where);
  return select(Operand(less(at, Operand(size, index.where)), index.where), at,
                Operand(maximum(at, capacity), index.where));
}

Value TensorList::get(Operand index) const {
  if (!isUsable(elements_) || !isUsable(size_)) {
    return elements_;
  }
  return elements_.builder()->makeNode("gather", {elements_, checkedIndex(*this, index)},
                                       {{"axis", int64_t{0}}, {"allow_negative", false}}, "", index.where)[0];
}

TensorList TensorList::set(Operand index, Value element) const {
  if (!isUsable(elements_) || !isUsable(size_)) {
    return *this;
  }
  return TensorList(put(checkedIndex(*this, index), element, index.where), size_);
}

}  // namespace kiln
