// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Values given on the command line.
#pragma once

#include <string>
#include <string_view>

#include "proto/base/tensor.h"

namespace kiln::tools {

struct FeedText {
  std::string name;
  std::string value;
};

/// Splits NAME=VALUE at the first '='. Errors: KILN-T0002.
StatusOr<FeedText> splitFeed(const std::string& text);

/// Reads `@file.npy`, `@file.npz:key`, `@file.pb` (a TensorProto of ONNX), or a value such as `3`, `nan`, `[1, 2]`,
/// `[[true], [false]]` as a tensor of `dtype`. Files keep the type that they have. Errors: KILN-T0003 and those of the
/// file readers.
StatusOr<Tensor> readFeed(const FeedText& feed, DType dtype);

}  // namespace kiln::tools
