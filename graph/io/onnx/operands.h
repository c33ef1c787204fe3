// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What converters of arithmetic check and prepare before they build operations. Private to graph/io/onnx.
#pragma once

#include <functional>
#include <vector>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

/// The inputs of the node, all of them given, as values that an elementwise operation can take: of types that Kiln
/// computes with. Errors: KILN-G0501 for types that a graph holds in another one (isStored()), G0502 for none.
StatusOr<std::vector<Value>> arithmeticInputs(NodeImport& n);

/// Whether the values have one dtype and broadcast together. Errors: KILN-G0502; G0501 when two lengths differ and one
/// is a symbol, so that only a run could tell.
Status checkAlike(const NodeImport& n, const std::vector<Value>& values);
/// The second half of that.
Status checkBroadcast(const NodeImport& n, const std::vector<Shape>& shapes);

/// B of an operator with the broadcasting of operator sets before 7, whose axes begin at axis `kiln_axis` of A; in
/// other nodes b itself.
StatusOr<Value> alignedTo(NodeImport& n, const Shape& a, Value b);

/// f(x), where 16-bit floats are computed in f32 and rounded once.
Value inWide(Value x, const std::function<Value(Value)>& f);

/// A length as an i64 scalar.
Value valueOf(GraphBuilder& g, const Dim& length);
/// The product of lengths.
Dim product(const Shape& shape, int from, int to);

}  // namespace kiln::onnx
