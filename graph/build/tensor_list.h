// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Lists of equal tensors with room for a fixed number of them.
#pragma once

#include <source_location>

#include "graph/build/builder.h"
#include "graph/build/control_flow.h"

namespace kiln {

/// A list of tensors of one type, which grows up to its capacity. A value like others: append() and set() give a new
/// list and leave the old one as it is. state() makes it a carry of a loop. An index outside of [0, size) and an append
/// to a full list end the run with KILN-R0030.
class TensorList {
 public:
  using Where = std::source_location;

  /// An empty list for `capacity` tensors.
  static TensorList create(GraphBuilder& g, DType dtype, const Shape& element, Dim capacity,
                           Where where = Where::current());
  /// The list whose state() that is; given to a loop's body.
  static TensorList fromState(const Values& state);

  TensorList append(Value element, Where where = Where::current()) const;
  Value get(Operand index) const;
  TensorList set(Operand index, Value element) const;
  /// All places as one tensor [capacity, ...]; those without an element are zero.
  Value stack() const { return elements_; }
  /// The number of elements, an i64 scalar.
  Value size() const { return size_; }
  /// The values that hold the list: stack() and size().
  Values state() const { return {elements_, size_}; }

 private:
  TensorList(Value elements, Value size) : elements_(elements), size_(size) {}
  Value put(Value at, Value element, Where where) const;
  Value elements_, size_;
};

}  // namespace kiln
