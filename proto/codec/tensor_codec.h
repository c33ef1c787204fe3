// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Tensors and shapes between wire and base, every size checked.
#pragma once

#include <cstdint>

#include "proto/base/shape.h"
#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "proto/codec/checked_values.h"  // IWYU pragma: export
#include "proto/wire/tensor.pb.h"

namespace kiln {

/// What tensors may take beyond the bytes that stand for them (one value repeated over a whole tensor). Shared by all
/// tensors of a file, and reduced by each.
struct ExpansionBudget {
  int64_t bytesLeft = int64_t{1} << 30;
};

/// The tensor that `proto` holds. Allocates no more than the bytes present, but for repeated values, which take from
/// `budget`. bool values other than 0 become 1. A tensor in the weights file (`weight` set) is the caller's to find.
/// Errors: KILN-P0022, P0023, P0031 to P0035.
StatusOr<Tensor> tensorFromProto(const wire::TensorProto& proto, ExpansionBudget& budget);

/// Stores the tensor with its values as tensor_content.
void tensorToProto(const TensorView& tensor, wire::TensorProto* proto);

/// The shape, with symbolic dims from their expressions. Errors: KILN-P0014, P0021, P0032 (unknown rank).
StatusOr<Shape> shapeFromProto(const wire::TensorShapeProto& proto);
void shapeToProto(const Shape& shape, wire::TensorShapeProto* proto);

}  // namespace kiln
