// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Small valid ONNX models, to be damaged.
#pragma once

#include <string>
#include <vector>

#include "proto/wire/onnx.pb.h"

namespace kiln::fuzz {

struct OnnxSample {
  std::string name;
  onnx::ModelProto model;
};

/// The file of external data that the sample `external` names, and what it must hold.
inline constexpr const char* kOnnxDataFile = "weights.bin";
std::string onnxDataBytes();

/// A convolutional net, control flow, model-local functions, external data, quantised weights, shape arithmetic, and a
/// transformer's block.
std::vector<OnnxSample> onnxSamples();

}  // namespace kiln::fuzz
