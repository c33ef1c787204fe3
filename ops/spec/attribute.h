// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Attribute values of nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/base/dtype.h"
#include "proto/base/shape.h"
#include "proto/base/tensor.h"

namespace kiln {

/// A constant tensor, shared between graphs and executables, never copied.
using TensorPtr = std::shared_ptr<const Tensor>;

/// The value of an attribute. Function names are strings.
using Attribute = std::variant<int64_t, double, bool, std::string, DType, Shape, TensorPtr, std::vector<int64_t>,
                               std::vector<std::string>>;

/// Equal kind and value; tensors by content.
bool equalAttributes(const Attribute& a, const Attribute& b);
/// `3`, `true`, `f32`, `[batch, 64]`, `"name"`; for printing.
std::string toString(const Attribute& attribute);

/// The attributes of a node: few, sorted by name.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> values);

  const Attribute* find(std::string_view name) const;
  void set(std::string name, Attribute value);
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  size_t size() const { return values_.size(); }

  /// The value of an attribute that the op's schema guarantees (schema defaults are filled in when a node is made).
  template <class T>
  const T& get(std::string_view name) const {
    const Attribute* found = find(name);
    KILN_CHECK(found != nullptr && std::holds_alternative<T>(*found));
    return std::get<T>(*found);
  }

 private:
  std::vector<std::pair<std::string, Attribute>> values_;
};

/// The type of a value.
struct ValueType {
  DType dtype = DType::kInvalid;
  Shape shape;
  ValueKind kind = ValueKind::kTensor;
  bool operator==(const ValueType&) const = default;
  /// `f32[batch, 64]`
  std::string toString() const;
};

}  // namespace kiln
