// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Scaled dot-product attention (A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.1), with
/// groups of queries that share keys (J. Ainslie et al., "GQA", 2023).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>

#include "graph/build/builder.h"

namespace kiln::nn {

struct AttentionOptions {
  std::optional<double> scale = {};  ///< What scores are multiplied by; 1 / sqrt(size) by default.
  /// A query sees no keys behind its own place. That of query i is i after the past keys, or such that the last query
  /// is beside the last key when numKeys says how many keys there are.
  bool isCausal = false;
  /// How many keys before and after its own place a query sees at most; -1: all.
  int64_t leftWindow = -1, rightWindow = -1;
  /// Broadcasts to [batch, heads, queries, keys]: bool, true where a key is seen, or numbers that are added to the
  /// scores. Keys beyond the end of its last axis are not seen.
  Value mask = {};
  /// What comes before the keys and values: [batch, heads of keys, past, size].
  Value pastKeys = {}, pastValues = {};
  Value numKeys = {};  ///< Integers [batch]: how many keys there are to see.
  double softcap = 0;  ///< Scores become `softcap * tanh(scores / softcap)` before they are masked; 0: they stay.
  /// The type that the softmax is computed in; by default that of the scores.
  DType softmaxType = DType::kInvalid;
  /// Change the masked scores and the probabilities, both of the softmax's type, and keep their shape.
  std::function<Value(Value)> changeScores = nullptr, changeProbabilities = nullptr;
};

struct AttentionResult {
  Value result;        ///< [batch, heads, queries, size of values], of the queries' type.
  Value keys, values;  ///< With the past ones, of their own types.
  /// [batch, heads, queries, keys], on the way: f32, or f64 for f64. `probabilities` has the softmax's type.
  Value scores, cappedScores, maskedScores, probabilities;
};

/// `softmax(q k^T scale + mask) v` for each head: q [batch, heads, queries, size], k [batch, heads of keys, keys,
/// size], v [batch, heads of keys, keys, size of values]. Head h sees keys of head `h / (heads / heads of keys)`. All
/// lengths may be symbolic. A query that sees no key gives zeros. Errors: KILN-G0512.
AttentionResult attention(GraphBuilder& g, Value q, Value k, Value v, const AttentionOptions& options = {},
                          std::source_location where = std::source_location::current());

/// [batch, length, heads * size] as [batch, heads, length, size]. Errors: KILN-G0512.
Value splitHeads(GraphBuilder& g, Value x, int64_t heads, std::source_location where = std::source_location::current());
/// The reverse of splitHeads().
Value mergeHeads(GraphBuilder& g, Value x, std::source_location where = std::source_location::current());

}  // namespace kiln::nn
