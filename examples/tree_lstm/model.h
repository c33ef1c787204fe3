// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The network, and how it is given expressions.
#pragma once

#include <vector>

#include "compiler/jit/session.h"
#include "examples/tree_lstm/expressions.h"
#include "graph/graph.h"

namespace tree_lstm {

struct ModelOptions {
  int64_t units = 32;
  int64_t width = 64;  ///< Of the blocks in which nodes are computed.
  double learningRate = 5e-3;
  int64_t seed = 1;
};

/// A Tree-LSTM over each expression, and a layer on top of the root that says what its value is. Entries: `train` and
/// `evaluate`, fed alike, which give the mean loss and how many values were told right.
kiln::StatusOr<kiln::Graph> buildModel(const ModelOptions& options);

/// A prepared entry with its block width.
class Runner {
 public:
  static kiln::StatusOr<Runner> create(kiln::Session& session, const char* entry, int64_t width);

  struct Result {
    double loss = 0;
    double accuracy = 0;
  };
  kiln::StatusOr<Result> run(const Expressions& expressions);

 private:
  Runner(kiln::Callable callable, int64_t width) : callable_(std::move(callable)), width_(width) {}
  kiln::Callable callable_;
  int64_t width_;
  std::vector<kiln::Tensor> outputs_;
};

}  // namespace tree_lstm
