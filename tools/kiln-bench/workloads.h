// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is measured: graphs with inputs, by name.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace kiln::bench {

/// A graph with the entry `run`, and a value for each of its feeds. Data are random with a fixed seed.
struct Workload {
  Graph graph;
  std::vector<Tensor> feeds;
};

/// Names for --list; sizes of gemm_MxNxK are examples, any are taken.
std::vector<std::string> workloadNames();

/// Errors: KILN-T0020 with the nearest names. With `isSmall` loops take few steps, for the interpreter.
StatusOr<Workload> makeWorkload(const std::string& name, bool isSmall = false);

}  // namespace kiln::bench
