// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the inferShape functions of ops that name functions share.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/spec/schema.h"

namespace kiln::ops {

/// What the symbols of a function stand for in a call.
using DimBindings = std::map<std::string, Dim>;

/// The type with the function's symbols replaced by the caller's dims. Errors: KILN-O0127.
StatusOr<ValueType> substituteDims(const ValueType& type, const DimBindings& bindings);

/// `(f32[], i64[batch])`
std::string listOf(std::span<const ValueType> types);

/// The result types of a function for arguments of these types, where symbols of parameters match any length
/// consistently. `role` says what the function is to the node: `body`, `branch`. Errors: KILN-O0140, KILN-O0127.
StatusOr<std::vector<ValueType>> resultsFor(const CalleeTypes& callee, std::string_view role,
                                            std::span<const ValueType> arguments);

/// An i64 scalar: the step that the body of a loop is given.
ValueType stepType();
/// The type without its first axis, and with one before it.
ValueType rowOf(const ValueType& type);
ValueType stackedOf(const ValueType& row, const Dim& length);
/// The types that are float tensors, in order.
std::vector<ValueType> floatsAmong(std::span<const ValueType> types);

/// The number of values that a loop carries, which an attribute holds. Errors: KILN-O0145 outside [0, most].
StatusOr<size_t> countAttribute(const ShapeContext& context, std::string_view name, size_t most);
/// The one dim of a shape attribute. Errors: KILN-O0145 for more or fewer, or one out of [0, 2^40].
StatusOr<Dim> lengthAttribute(const ShapeContext& context, std::string_view name);
/// Errors: KILN-O0145 unless operand `index` is an i64 scalar.
Status checkCount(const ShapeContext& context, size_t index, std::string_view name);

/// Errors: KILN-O0148 when a body gives fewer values than there are carries, KILN-O0141 when a carry changes its type.
Status checkCarries(const CalleeTypes& body, std::span<const ValueType> carries, std::span<const ValueType> results);
/// The results that all callees of a node agree on. Errors: KILN-O0140, KILN-O0142.
StatusOr<std::vector<ValueType>> branchResults(const ShapeContext& context, std::span<const ValueType> arguments);

}  // namespace kiln::ops
