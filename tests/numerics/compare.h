// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled code against the reference interpreter: the same graph, the same feeds, every fetch within its
/// tolerance.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "ops/spec/schema.h"
#include "proto/base/tensor.h"

namespace kiln::numerics {

/// A number stream that is the same everywhere.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  uint64_t next();
  double uniform(double low, double high);

 private:
  uint64_t state_;
};

/// Fills a tensor for a `sweep` class of ops/spec/base.td, or "whole" (whole numbers up to
/// 1000), "small" (up to 8), "near one" (1 to 2: no cancellation). Float tensors of class "any" begin with the special
/// values: NaN, infinities, zeros of both signs, denormal and extreme numbers.
void fill(Tensor& tensor, std::string_view sweep, Numbers& numbers);

/// A fetch and how far it may be off.
struct Fetch {
  std::string name;
  ToleranceSpec tolerance;
};

using Feeds = std::map<std::string, Tensor>;

/// Runs `fetches` compiled and by the interpreter, and expects the same results. kSumUlp measures against the results
/// for the magnitudes of the feeds. Variables start from their initial values.
void expectSame(const Graph& graph, const Feeds& feeds, const std::vector<Fetch>& fetches);
/// As above for several sets of feeds, through one compilation.
void expectSame(const Graph& graph, const std::vector<Feeds>& feedSets, const std::vector<Fetch>& fetches);

/// Gives the fetches' values for one set of feeds.
using RunFetches = std::function<StatusOr<std::map<std::string, Tensor>>(const Feeds& feeds)>;
/// As above for code that runs elsewhere: `run` is called once for each set, in order.
void expectSame(const Graph& graph, const std::vector<Feeds>& feedSets, const std::vector<Fetch>& fetches,
                const RunFetches& run);

}  // namespace kiln::numerics
