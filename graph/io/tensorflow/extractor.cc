// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/extractor.h"

namespace kiln::tensorflow {

Status expandsTooFar(const ProgramNode& node) {
  return makeError<ErrorId::kG0507>(describe(*node.def), "its branches and loops expand to many nodes",
                                    std::to_string(kMostExtractedNodes) + " nodes");
}

StatusOr<std::shared_ptr<Program>> Extractor::run(const std::vector<Source>& results) {
  for (const Source& result : results) {
    KILN_ASSIGN_OR_RETURN(const Source copy, copyOf(result));
    program_->results.push_back(copy);
  }
  while (!open_.empty()) {
    const int32_t node = open_.back();
    open_.pop_back();
    const ProgramNode& original = outer_.nodes[static_cast<size_t>(node)];
    std::vector<Source> inputs;
    for (const Source& input : original.inputs) {
      KILN_ASSIGN_OR_RETURN(const Source copy, copyOf(input));
      inputs.push_back(copy);
    }
    std::vector<int32_t> controls;
    for (const int32_t control : original.controls) {
      if (keepsControl_(control)) {
        KILN_ASSIGN_OR_RETURN(const int32_t copy, copyNode(control));
        controls.push_back(copy);
      }
    }
    ProgramNode& copy = program_->nodes[static_cast<size_t>(copies_[node])];
    copy.inputs = std::move(inputs);
    copy.controls = std::move(controls);
  }
  return program_;
}

void Extractor::finishParameters(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    program_->parameters.push_back(parameter(static_cast<int32_t>(i)));
  }
}

int32_t Extractor::parameter(int32_t index) {
  auto [found, isNew] = parameters_.emplace(index, static_cast<int32_t>(program_->nodes.size()));
  if (isNew) {
    program_->nodes.push_back({.kind = ProgramNode::Kind::kParameter});
  }
  return found->second;
}

StatusOr<int32_t> Extractor::copyNode(int32_t node) {
  auto [found, isNew] = copies_.emplace(node, static_cast<int32_t>(program_->nodes.size()));
  if (isNew) {
    const ProgramNode& original = outer_.nodes[static_cast<size_t>(node)];
    if (original.kind == ProgramNode::Kind::kParameter) {
      return makeError<ErrorId::kG0501>("a parameter of a function is used across a loop");
    }
    if (--budget_ < 0) {
      return expandsTooFar(original);
    }
    program_->nodes.push_back({.kind = original.kind,
                               .def = original.def,
                               .inputs = {},
                               .controls = {},
                               .first = original.first,
                               .second = original.second});
    open_.push_back(node);
  }
  return found->second;
}

StatusOr<Source> Extractor::copyOf(Source source) {
  KILN_ASSIGN_OR_RETURN(const std::optional<int32_t> index, classify_(source));
  if (index) {
    return Source{parameter(*index), 0};
  }
  KILN_ASSIGN_OR_RETURN(const int32_t node, copyNode(source.node));
  return Source{node, source.output};
}

int32_t Captures::numberOf(Source source) {
  auto [found, isNew] = numbers_.emplace(source, static_cast<int32_t>(first_ + sources_.size()));
  if (isNew) {
    sources_.push_back(source);
  }
  return found->second;
}

}  // namespace kiln::tensorflow
