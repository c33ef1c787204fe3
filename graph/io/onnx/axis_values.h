// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Parts of tensors along one axis, and lengths that only the run knows: what converters of movement and indexing
/// share. Private to graph/io/onnx.
#pragma once

#include <string_view>
#include <vector>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

/// Whether the dim is at least 0 for all lengths, as far as its form tells.
bool isNeverNegative(const Dim& dim);
/// Whether it is at most 0 for all lengths, and not 0 itself.
bool isNegativeForm(const Dim& dim);

/// Whether it has a symbol of bindDim(), which may well be 0.
bool isFoundByRun(const Dim& dim);

/// `dim`, which counts elements: as it is where it is never negative; a symbol of a feed minus 1 too, by a range of the
/// symbol that leaves 0 out; and no less than 0 otherwise.
Dim asLength(GraphBuilder& g, const Dim& dim);

/// A length as an i64 scalar.
Value scalarOf(GraphBuilder& g, const Dim& length);

/// x[start], x[start + step], ... `length` elements along an axis. What cannot be proven to lie inside is checked in
/// the run (KILN-R0030).
Value partAlong(Value x, int axis, const Dim& start, const Dim& length, int64_t step = 1);
/// The same from an i64 scalar on.
Value partAlong(Value x, int axis, Value start, const Dim& length, Value step);
/// Slices of x along an axis; negative indices do not count from the end.
Value takeAlong(Value x, int axis, Value indices);

/// The values of an integer scalar or vector as dims: known now, or found by the run where nothing known before it
/// could tell. Errors: as NodeImport::dims(), when an input of the model tells.
StatusOr<std::vector<Dim>> dimsOrFound(NodeImport& n, int i, std::string_view name);

/// An integer scalar, or a vector of one element, as an i64 scalar.
Value integerScalar(NodeImport& n, int i);

}  // namespace kiln::onnx
