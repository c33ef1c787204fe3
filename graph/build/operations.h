// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Operations as functions of values. All check shapes and dtypes at once: an error is recorded in the builder
/// with the line of the first operand and the result is poisoned. Axes count from 0, or from the end as -1, -2 ...
///
/// Elementwise functions (those here and the generated ones: add, mul, tanh, relu, equal, select ...) take operands of
/// any shapes that broadcast as in NumPy, aligned from the last axis: two lengths fit when they are equal or one is the
/// number 1 (KILN-G0204). A number takes the dtype of the tensor beside it (KILN-G0205 when it does not fit).
#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>
#include <vector>

#include "graph/build/builder.h"
#include "graph/build/convolution_operations.h"
#include "graph/build/loss_operations.h"
#include "graph/build/movement_operations.h"
#include "graph/build/random_operations.h"
#include "graph/build/reduction_operations.h"

namespace kiln {

namespace detail {
/// One node of an op with one result: numbers become constants, elementwise operands are broadcast. The node's place is
/// that of the first operand.
Value makeOperation(std::string_view op, std::vector<Operand> operands, Attributes attributes = {});
/// The same for an op with several results: all of them, poisoned after an error.
std::vector<Value> makeOperations(std::string_view op, std::vector<Operand> operands, Attributes attributes = {});
}  // namespace detail

#include "graph/build/ops_decls.inc"

// --- arithmetic: numeric tensors of one dtype ------------------------------------------------------------------------
Value operator+(Operand x, Operand y);
Value operator-(Operand x, Operand y);
Value operator*(Operand x, Operand y);
/// Integers truncate toward zero; division of an integer by zero ends the run.
Value operator/(Operand x, Operand y);
Value operator-(Operand x);

/// Conversion to another dtype. Float to integer truncates toward zero, NaN gives 0 and values out of range saturate;
/// anything to bool is `x != 0`. A cast to the same dtype is x itself.
Value cast(Operand x, DType to);
/// The bits of each element read as another numeric type of the same width.
Value bitcast(Operand x, DType to);

// --- contraction -----------------------------------------------------------------------------------------------------
/// Matrix product over the last two axes of tensors of rank 2 and up; the axes before them broadcast. transposeA and
/// transposeB read the operand with its last two axes exchanged. Errors: KILN-O0109 and others when inner dimensions
/// differ.
Value matmul(Operand a, Operand b, bool transposeA = false, bool transposeB = false);

// --- reductions ------------------------------------------------------------------------------------------------------
/// The sum over `axes`, all by default; reduced axes vanish, or stay with length 1 when keepDims.
Value reduceSum(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceSum(Operand x);
/// The mean, of float tensors.
Value reduceMean(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceMean(Operand x);
/// The largest value; NaN when one is.
Value reduceMax(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceMax(Operand x);
/// The i64 index of the first largest value along an axis.
Value argmax(Operand x, int64_t axis = -1, bool keepDims = false);
/// Cross entropy over the last axis of logits [.., classes]: labels are class numbers (i32 or i64, [..]) or
/// probabilities (of the type of the logits). The result is [..], not reduced.
Value softmaxCrossEntropy(Operand logits, Operand labels);

// --- movement --------------------------------------------------------------------------------------------------------
/// The elements of x in row-major order with another shape; one length may be -1. Errors: KILN-G0207.
Value reshape(Operand x, Shape shape);
/// Axis i of the result is axis permutation[i] of x; by default the order is reversed.
Value transpose(Operand x, std::vector<int64_t> permutation);
Value transpose(Operand x);
/// x with axes of length 1 repeated and new axes in front.
Value broadcastTo(Operand x, Shape shape);
/// x[starts .. ends by steps], one entry for each axis; steps are 1 by default.
Value slice(Operand x, Shape starts, Shape ends, std::vector<int64_t> steps = {});
/// The tensors one after the other along an axis; all other lengths are equal.
Value concat(const std::vector<Value>& inputs, int64_t axis,
             std::source_location where = std::source_location::current());
/// `low` and `high` copies of the scalar `value` before and after each axis, `interior` (0 by default) between
/// neighbours.
Value pad(Operand x, Operand value, Shape low, Shape high, std::vector<int64_t> interior = {});
/// x with a new axis of length 1 at `axis` of the result.
Value expandDims(Operand x, int64_t axis);
/// x without an axis, whose length is 1.
Value squeeze(Operand x, int64_t axis);

// --- indexing --------------------------------------------------------------------------------------------------------
/// Slices of x along `axis` at integer indices; the first batchDims axes of both are walked together. Negative indices
/// count from the end; an index out of range ends the run.
Value gather(Operand x, Operand indices, int64_t axis = 0, int64_t batchDims = 0);
/// x with `updates` added where gather with these indices would read.
Value scatterAdd(Operand x, Operand indices, Operand updates, int64_t axis = 0, int64_t batchDims = 0);
/// A new last axis of length `depth` that is 1 at the index and 0 elsewhere.
Value oneHot(Operand indices, int64_t depth, DType dtype = f32);
/// Positions along an axis: `result[i..] = i[axis]`.
Value iota(GraphBuilder& g, Shape shape, int64_t axis = 0, DType dtype = i64,
           std::source_location where = std::source_location::current());
/// The value everywhere in a tensor of that shape; as a scalar and a broadcast.
Value full(GraphBuilder& g, Shape shape, double value, DType dtype = f32,
           std::source_location where = std::source_location::current());

// --- random numbers: functions of (seed, step, op, element) alone
// ------------------------------------------------------
/// Uniform on [low, high). Not within functions (KILN-G0019).
Value randomUniform(GraphBuilder& g, Shape shape, DType dtype = f32, double low = 0, double high = 1,
                    std::source_location where = std::source_location::current());
/// Normal with this mean and standard deviation. Not within functions (KILN-G0019).
Value randomNormal(GraphBuilder& g, Shape shape, DType dtype = f32, double mean = 0, double stddev = 1,
                   std::source_location where = std::source_location::current());

// --- optimizer steps: new values, to be assigned (graph/optim does)
// -----------------------------------------------------
struct MomentumResult {
  Value parameter, velocity;
};
struct AdamResult {
  Value parameter, firstMoment, secondMoment;
};
/// torch.optim.SGD without momentum. The learning rate is a scalar of the parameter's dtype.
Value sgdUpdate(Operand parameter, Operand gradient, Operand learningRate, double weightDecay = 0);
/// torch.optim.SGD with momentum.
MomentumResult momentumUpdate(Operand parameter, Operand gradient, Operand velocity, Operand learningRate,
                              double momentum = 0.9, bool nesterov = false, double weightDecay = 0);
/// torch.optim.Adam. `step` is an i64 scalar counted from 1.
AdamResult adamUpdate(Operand parameter, Operand gradient, Operand firstMoment, Operand secondMoment, Operand step,
                      Operand learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8,
                      double weightDecay = 0);

}  // namespace kiln
