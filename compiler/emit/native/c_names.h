// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Names and texts of a model as C can have them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include "proto/base/dtype.h"
#include "proto/base/shape.h"

namespace kiln::compiler {

/// Names of one scope of a C program: each comes out once, and none is a word of C or C++.
class CNames {
 public:
  CNames() = default;
  /// With names that are taken.
  CNames(std::initializer_list<std::string> taken) : taken_(taken) {}
  /// `name` as an identifier, with '_' after it as often as is needed.
  std::string unique(std::string_view name);

 private:
  std::set<std::string> taken_;
};

/// The element of a buffer of `type` in C: `float`; `uint16_t` for f16 and bf16, whose bits it holds; bytes for packed
/// and other types that C does not have; two numbers for a complex one.
struct CElement {
  const char* type;
  int64_t perElement = 1;  ///< How many make an element of the tensor; 0: packed, `bytes` of byteSize().
};
CElement cElementOf(DType type);

/// `f32[batch, 10]`
std::string describe(DType type, const Shape& shape);

/// Text that may stand in a comment, or, with quotes, as a string literal.
std::string commentText(std::string_view text);
std::string stringLiteral(std::string_view text);

std::string upperCase(std::string_view text);

}  // namespace kiln::compiler
