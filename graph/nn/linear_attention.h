// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Attention without softmax, as a recurrence over a matrix for each head, and the convolution that such models
/// put before it.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>

#include "graph/build/builder.h"

namespace kiln::nn {

struct LinearAttentionOptions {
  std::optional<double> scale = {};  ///< Of the result; 1 / sqrt(size of keys) by default.
  /// By which logarithm of a factor a step forgets: [batch, heads of keys, length, size of keys, or 1 for all]. Gated
  /// linear attention (S. Yang et al., 2023).
  Value decay = {};
  /// How far a step moves what its key finds towards its value: [batch, heads of keys or 1, length, 1]. The delta rule
  /// (S. Yang et al., "Parallelizing Linear Transformers with the Delta Rule over Sequence Length", 2024). Without it
  /// values are added.
  Value rate = {};
  Value pastState = {};  ///< What a call before gave; zeros by default.
};

struct LinearAttentionResult {
  Value result;  ///< [batch, heads, length, size of values], of the queries' type.
  Value state;   ///< [batch, heads of keys, size of keys, size of values], of the past state's or the queries' type.
};

/// For each step t: `S = exp(decay_t) S`, `S += k_t (rate_t (v_t - S^T k_t))^T` (`S += k_t v_t^T` without a rate), and
/// the result `scale S^T q_t`. q [batch, heads, length, size], k [batch, heads of keys, length, size], v [batch, heads
/// of keys, length, size of values]; consecutive heads share keys. Sums in f32, or f64 for f64. Errors: KILN-G0512.
LinearAttentionResult linearAttention(GraphBuilder& g, Value q, Value k, Value v,
                                      const LinearAttentionOptions& options = {},
                                      std::source_location where = std::source_location::current());

struct CausalConvolutionResult {
  Value result;  ///< [batch, channels, length].
  Value state;   ///< [batch, channels, k - 1]: what the next call starts from.
};

/// Each channel of x [batch, channels, length] convolved with its own row of `filter` [channels, 1, k]; element i of
/// the result sees elements i - k + 1 to i. What comes before element 0 is `pastState` [batch, channels, k - 1], or
/// zeros. `bias` [channels] and `pastState` may be left out. Errors: KILN-G0512.
CausalConvolutionResult causalConvolution(GraphBuilder& g, Value x, Value filter, Value bias = {}, Value pastState = {},
                                          std::source_location where = std::source_location::current());

}  // namespace kiln::nn
