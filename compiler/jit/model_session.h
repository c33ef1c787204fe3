// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A session over a model of another system, whose inputs may decide shapes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/jit/session.h"
#include "graph/io/imported_model.h"

namespace kiln {

/// Imports a model again and again with other ImportOptions: onnx::Model::import, say.
using ImportFunction = std::function<StatusOr<ImportedModel>(const ImportOptions&)>;

/// Runs a model that was imported. One compilation serves all values and all lengths, except where the model needs
/// more: when values of inputs decide shapes, or lengths must be numbers, the model is imported and compiled for those,
/// once for each, and kept as long as it is among the last sixteen. Thread-compatible.
class ModelSession {
 public:
  /// `inputNames` are the model's inputs in order, without repeats.
  ModelSession(ImportFunction import, std::vector<std::string> inputNames, JitOptions options);
  ModelSession(ModelSession&&) noexcept;
  ModelSession& operator=(ModelSession&&) noexcept;
  ~ModelSession();

  /// The outputs for a value of each input, by position. Errors: those of the importer, the compiler and the run;
  /// KILN-G0511 when the number of inputs is another.
  StatusOr<std::vector<Tensor>> run(const std::vector<TensorView>& inputs, const RunOptions& options = {});

  /// How often a graph was imported and compiled so far.
  int numVersions() const;
  /// What versions differ by: `the values of 'shape', the lengths of 'x'`, and why lengths must be numbers.
  std::string specializedInputs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kiln
