// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Converters of the movement family that have a file of their own. Private to graph/io/onnx.
#pragma once

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

// slice_converters.cc
Status convertSlice(NodeImport& n);
Status convertSplit(NodeImport& n);
Status convertPad(NodeImport& n);
Status convertCenterCropPad(NodeImport& n);

}  // namespace kiln::onnx
