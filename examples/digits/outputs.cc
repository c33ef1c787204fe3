// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/outputs.h"

#include <charconv>
#include <map>
#include <memory>

#include "graph/io/graph_io.h"
#include "proto/codec/file.h"
#include "proto/codec/safetensors.h"

namespace digits {

using kiln::Status;
using kiln::Tensor;

Status setVariables(kiln::Session& session, const std::string& path, kiln::DType dtype) {
  KILN_ASSIGN_OR_RETURN(auto tensors, kiln::readSafetensors(path));
  for (const auto& [name, value] : tensors) {
    Tensor converted(dtype, value.dims());
    for (int64_t i = 0; i < value.numElements(); ++i) {
      converted.set(i, value.at(i));
    }
    KILN_RETURN_IF_ERROR(kiln::annotate(session.setVariable(name, converted), path));
  }
  return kiln::Status();
}

Status writeLosses(const std::string& path, const std::vector<double>& losses) {
  std::string text = "[";
  for (size_t i = 0; i < losses.size(); ++i) {
    char digits[32];
    char* end = std::to_chars(digits, digits + sizeof digits, losses[i]).ptr;
    text += (i == 0 ? "" : ",\n ") + std::string(digits, end);
  }
  return kiln::writeFileAtomically(path, text + "]\n");
}

Status exportGraph(const kiln::Graph& graph, kiln::Session& session, const std::string& path) {
  std::map<std::string, kiln::TensorPtr> weights;
  for (const std::string& name : session.variableNames()) {
    KILN_ASSIGN_OR_RETURN(Tensor value, session.variable(name));
    weights[name] = std::make_shared<const Tensor>(std::move(value));
  }
  return kiln::writeGraph(graph.withWeights(std::move(weights)), path);
}

}  // namespace digits
