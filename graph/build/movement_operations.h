// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Functions that arrange and combine tensors by other operations; part of operations.h, which explains Operand
/// and how errors come.
#pragma once

#include <source_location>
#include <string>
#include <vector>

#include "graph/build/builder.h"

namespace kiln {

/// x where the condition holds, else y; all three broadcast. Another name for select, as NumPy has it.
Value where(Operand condition, Operand x, Operand y);
/// Tensors of one shape along a new axis at `axis` of the result (numpy.stack).
Value stack(const std::vector<Value>& inputs, int64_t axis = 0,
            std::source_location where = std::source_location::current());
/// x cut along an axis into parts of these lengths. Errors: KILN-G0243 when they do not sum to that of the axis.
std::vector<Value> split(Operand x, const std::vector<Dim>& lengths, int64_t axis = 0);
/// x cut along an axis into `count` equal parts. Errors: KILN-G0243 when the length is no multiple of count.
std::vector<Value> split(Operand x, int64_t count, int64_t axis = 0);
/// The products of all elements of x with all of y, [elements of x, elements of y] (numpy.outer).
Value outer(Operand x, Operand y);
/// The last axis of x on the diagonal of matrices, zero elsewhere: [.., n] becomes [.., n, n].
Value diagonalMatrix(Operand x);
/// Products of tensors summed over labelled axes, as kiln.einsum says: `einsum("ij,jk->ik", {a, b})`.
Value einsum(std::string equation, const std::vector<Value>& inputs,
             std::source_location where = std::source_location::current());

}  // namespace kiln
