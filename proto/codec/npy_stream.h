// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file NumPy's arrays from wherever their bytes come from.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln {

/// Fills `into` with the bytes from `offset` on. The offsets only grow: each call begins where the one before ended.
using ReadNpyBytes = std::function<Status(int64_t offset, std::span<uint8_t> into)>;

/// As readNpy(), of a file of `numBytes` bytes that `read` delivers; `file` is its name in messages.
StatusOr<Tensor> readNpyStream(int64_t numBytes, const std::string& file, const ReadNpyBytes& read);

}  // namespace kiln
