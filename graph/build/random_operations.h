// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Random numbers beside uniform and normal ones; part of operations.h, which explains Operand and how errors
/// come. All are functions of (seed, step, op, element) alone, and none is for use within functions (KILN-G0019).
#pragma once

#include <source_location>

#include "graph/build/builder.h"

namespace kiln {

/// Normal numbers on condition of being within two standard deviations of the mean.
Value randomTruncatedNormal(GraphBuilder& g, Shape shape, DType dtype = f32, double mean = 0, double stddev = 1,
                            std::source_location where = std::source_location::current());
/// 1 (true) with this probability, else 0; a tensor has one for each element of the result.
Value randomBernoulli(Operand probability, DType dtype = boolean);
Value randomBernoulli(GraphBuilder& g, Shape shape, double probability, DType dtype = boolean,
                      std::source_location where = std::source_location::current());
/// Class numbers (i32 or i64) with probabilities in proportion to exp(logits[.., class]): [.., numSamples].
Value randomCategorical(Operand logits, int64_t numSamples = 1, DType dtype = i64);
/// The numbers 0 to n - 1 in random order. gather() with them shuffles.
Value randomPermutation(GraphBuilder& g, Dim n, DType dtype = i64,
                        std::source_location where = std::source_location::current());
/// Gamma-distributed numbers with rate 1, for each concentration.
Value randomGamma(Operand concentration);
Value randomGamma(GraphBuilder& g, Shape shape, double concentration, DType dtype = f32,
                  std::source_location where = std::source_location::current());
/// Integers, uniform on low .. high - 1.
Value randomIntegers(GraphBuilder& g, Shape shape, int64_t low, int64_t high, DType dtype = i64,
                     std::source_location where = std::source_location::current());

}  // namespace kiln
