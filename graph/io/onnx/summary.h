// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a model holds, without importing it: for people who ask whether Kiln can run it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/io/onnx/onnx_model.h"

namespace kiln::onnx {

struct OperatorCount {
  std::string name;  ///< `Conv`; `com.microsoft.Gelu` for another domain than ai.onnx.
  int64_t count = 0;
  bool isFunction = false;   ///< The model brings its own definition.
  bool isSupported = false;  ///< A function of the model, or Kiln has a converter. Some forms may still be refused.
};

struct FunctionSummary {
  std::string name;
  int64_t numNodes = 0;  ///< With those of bodies inside it.
  int64_t numCalls = 0;  ///< As written: a call within a function counts once.
};

struct ModelSummary {
  std::string name;      ///< Of the graph.
  std::string producer;  ///< `pytorch 2.9.0`, or empty.
  int64_t irVersion = 0;
  std::vector<std::pair<std::string, int64_t>> opsets;  ///< Domain (`ai.onnx`) and version, in the model's order.
  std::vector<OperatorCount> operators;                 ///< Of the graph, its bodies and the functions, by name.
  std::vector<FunctionSummary> functions;
  int64_t numNodes = 0;
  int64_t numWeights = 0;  ///< Initializers, also of bodies.
  int64_t weightBytes = 0;
  std::vector<std::string> symbols;  ///< Of the inputs' shapes, sorted.
};

ModelSummary summarize(const Model& model);

/// `float[batch, 3]`; `float` of unknown rank; `no tensor`.
std::string typeText(const ModelPort& port);

}  // namespace kiln::onnx
