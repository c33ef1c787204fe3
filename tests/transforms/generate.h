// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Random programs.
#pragma once

#include "tests/transforms/program.h"

namespace kiln::testing {

struct GenerateOptions {
  int numSteps = 6;          ///< Of the main block; inner ones have fewer.
  int depth = 2;             ///< How deep loops and branches nest.
  bool hasGradients = true;  ///< Gradient and vmap steps, which the interpreter does not run.
};

/// The program of this seed, always the same.
Program generate(uint64_t seed, const GenerateOptions& options);

/// Inputs for the program, between -1 and 1.
std::vector<Tensor> inputsFor(const Program& program, uint64_t seed);

/// A number from 0 to below 1 from a state that it advances.
double nextUniform(uint64_t& state);
Tensor randomTensor(const Dims& dims, uint64_t& state);

}  // namespace kiln::testing
