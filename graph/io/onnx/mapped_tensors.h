// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Leaves the data of large tensors in the model's file. Private to graph/io/onnx.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::onnx {

/// The bytes of a ModelProto without the raw_data of tensors that are larger than `largestKept` bytes; in place of each
/// stands where it lies in `bytes` (TensorProto::mapped_offset and mapped_length). Those two fields are dropped where
/// the bytes have them already, so what the parser finds in them is the truth. Nothing when more than `mostBytes` are
/// left. `bytes` has passed scanWire().
std::optional<std::string> withoutLargeTensors(std::string_view bytes, int64_t largestKept, int64_t mostBytes);

}  // namespace kiln::onnx
