// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Rotary position embedding (J. Su et al., "RoFormer", 2021, section 3.4).
#pragma once

#include <cstdint>
#include <source_location>

#include "graph/build/builder.h"

namespace kiln::nn {

struct RotaryOptions {
  Value positions = {};        ///< Integers [batch, length]: rows of `cosines` and `sines`.
  bool isInterleaved = false;  ///< Pairs are elements 2i and 2i + 1; otherwise i and i + half of what is rotated.
  int64_t rotatedSize = 0;     ///< The first so many elements of a head are rotated; 0: all.
  int headAxis = 1;            ///< 1: x is [batch, heads, length, size]; 2: [batch, length, heads, size].
};

/// x with each pair (a, b) of a head's elements turned to (a cos - b sin, a sin + b cos). `cosines` and `sines` are
/// [batch, length, pairs], or [positions, pairs] when `positions` picks their rows. Errors: KILN-G0512.
Value rotaryEmbedding(GraphBuilder& g, Value x, Value cosines, Value sines, const RotaryOptions& options = {},
                      std::source_location where = std::source_location::current());

}  // namespace kiln::nn
