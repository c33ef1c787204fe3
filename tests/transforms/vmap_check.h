// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Checks vmap of single ops and small functions against one example after the other.
#pragma once

#include "tests/transforms/laws.h"

namespace kiln::testing {

/// One input of one example.
struct ExampleInput {
  Dims dims;
  DType dtype = f64;
  double low = -1, high = 1;  ///< Integers are drawn from low to high, both included.
};
inline ExampleInput real(Dims dims, double low = -1, double high = 1) { return {std::move(dims), f64, low, high}; }
inline ExampleInput indices(Dims dims, int64_t below, DType dtype = i64) {
  return {std::move(dims), dtype, 0, static_cast<double>(below - 1)};
}

using Function = std::function<std::vector<Value>(GraphBuilder&, const std::vector<Value>&)>;

struct VmapCheckOptions {
  double tolerance = 1e-11;
  bool checksGradients =
      true;  ///< That the vmap is differentiated like the examples; off where a rule has no derivative.
};

/// For each choice of inputs that are mapped (along their first axis, three examples) and others that are shared:
/// expects vmap(f) to give what the interpreter gives for each example, and the gradient of the sum of its float
/// results to be that of the examples.
void checkVmap(const std::vector<ExampleInput>& inputs, const Function& f, VmapCheckOptions options = {});

}  // namespace kiln::testing
