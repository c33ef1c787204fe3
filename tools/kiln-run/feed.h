// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Values given on the command line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln::tools {

struct FeedText {
  std::string name;
  std::string value;
};

/// Readers of files that this room knows nothing of, because they need more than a runner of artifacts has.
struct FeedReaders {
  /// Reads `@file.pb`, a TensorProto of ONNX. Empty: such feeds are refused.
  std::function<StatusOr<Tensor>(const std::string& path)> tensorProto = {};
};

/// Splits NAME=VALUE at the first '='. Errors: KILN-T0002.
StatusOr<FeedText> splitFeed(const std::string& text);

/// Reads `@file.npy`, `@file.npz:key`, `@file.pb` (where `readers` can), or a value such as `3`, `nan`, `[1, 2]`,
/// `[[true], [false]]` as a tensor of `dtype`. Files keep the type that they have. Errors: KILN-T0003, KILN-T0034 for a
/// file that there is no reader for, and those of the file readers.
StatusOr<Tensor> readFeed(const FeedText& feed, DType dtype, const FeedReaders& readers = {});

}  // namespace kiln::tools
