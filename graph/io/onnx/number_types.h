// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Element types of ONNX as the layers of graph/nn know them. Private to graph/io/onnx.
#pragma once

#include "graph/io/onnx/node_import.h"
#include "graph/nn/narrow_types.h"

namespace kiln::onnx {

/// Errors: KILN-G0501 for types that Kiln does not compute with.
StatusOr<nn::NumberType> numberType(const NodeImport& n, int elementType);
/// An attribute that is a TensorProto::DataType.
int elementTypeAttribute(NodeImport& n, std::string_view name, int otherwise);
/// The width of an element in the format, which for narrow types is less than a byte.
int bitsOf(const nn::NumberType& type);

/// `saturate` and `round_mode` of a node. Errors: KILN-G0502.
StatusOr<nn::ConvertOptions> convertOptions(NodeImport& n);

}  // namespace kiln::onnx
