// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The checks that inferShape functions share.
#pragma once

#include <string>
#include <vector>

#include "ops/spec/schema.h"

namespace kiln::ops {

/// True when the dim is at least 0 whatever lengths its symbols stand for: no term of it is negative.
bool isNonNegative(const Dim& dim);
/// True when the dim is below 0 whatever its symbols stand for.
bool isNegative(const Dim& dim);

/// Errors: KILN-O0108 when the dtypes of operands `i` and `j` differ.
Status checkSameDType(const ShapeContext& context, size_t i, const char* nameI, size_t j, const char* nameJ);
/// Errors: KILN-O0109 when the shapes differ; both are named, and the first axis that differs.
Status checkSameShape(const Shape& a, const std::string& nameA, const Shape& b, const std::string& nameB);
/// checkSameDType and checkSameShape of two operands.
Status checkSameType(const ShapeContext& context, size_t i, const char* nameI, size_t j, const char* nameJ);
/// Errors: KILN-O0110.
Status checkRank(const ValueType& type, const std::string& name, int rank);
/// Errors: KILN-O0115 when a dim is negative.
Status checkNonNegative(const Shape& shape, const std::string& name);

/// The axis counted from the front. Errors: KILN-O0111 outside [-rank, rank).
StatusOr<int> resolveAxis(int64_t axis, const Shape& shape, const std::string& name);
/// For each axis of `shape`, whether `axes` names it. Errors: KILN-O0111, and KILN-O0112 for one named twice.
StatusOr<std::vector<bool>> resolveAxes(const std::vector<int64_t>& axes, const Shape& shape, const std::string& name);

/// The lengths that shape operand `index` holds. Errors: KILN-O0113 when they are not known while building, KILN-O0110
/// when it is no vector.
StatusOr<std::vector<Dim>> shapeOperand(const ShapeContext& context, size_t index, const char* name);
/// shapeOperand as the shape of a tensor. Errors: also KILN-O0115 for a negative length.
StatusOr<Shape> resultShapeOperand(const ShapeContext& context, size_t index, const char* name);
/// Errors: KILN-O0114 unless there is one entry for each axis of `shape`.
Status checkEntries(size_t entries, const char* name, const Shape& shape);

/// The shape with the marked axes removed, or set to 1.
Shape reducedShape(const Shape& shape, const std::vector<bool>& reduced, bool keepDims);

/// Sets the single result.
Status setResult(ShapeContext& context, DType dtype, Shape shape);

}  // namespace kiln::ops
