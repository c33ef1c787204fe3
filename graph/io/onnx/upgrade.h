// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Nodes of older operator sets in the form of the newest one that Kiln knows. Private to graph/io/onnx.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proto/base/tensor.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {

/// The newest operator set of ai.onnx that Kiln knows.
inline constexpr int64_t kNewestOpset = 27;

/// Changes a node of the operator set `opset` of its domain into one of the newest: attributes that became inputs
/// (`axes` of Squeeze), defaults that changed (`axis` of Softmax), operators with a new name (Upsample). `constant`
/// gives the name of a new value that holds a tensor, for attributes that became inputs. What has no newest form gets
/// an attribute that the converter knows:
///   - `kiln_axis` (int) of operators with two inputs: the axes of B are those of A from this one on
///   - `kiln_flatten` (int) of Softmax, LogSoftmax, Hardmax: the axes from `axis` on count as one
///   - `kiln_float_mask` (int) of Dropout: the mask has the type of the data
///   - `kiln_ceil_when_smaller` (int) of Resize: where a scale is below 1, nearest_mode is ceil
/// Constants for bounds and values that take the type of another input are f32: Clip, Pad. Errors: KILN-G0501, G0502.
/// `where` names the node in them.
Status upgradeNode(NodeProto& node, int64_t opset, const std::string& where,
                   const std::function<std::string(Tensor)>& constant);

/// The operator that upgradeNode() makes of one of ai.onnx which the newest operator set does not have; of others `op`.
std::string_view newestName(std::string_view op);

}  // namespace kiln::onnx
