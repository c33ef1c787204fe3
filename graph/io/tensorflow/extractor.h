// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Parts of a program as programs of their own. Private to graph/io/tensorflow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graph/io/tensorflow/program.h"

namespace kiln::tensorflow {

/// What a part sees instead of a value: the number of a parameter, or nothing where the value is made within it.
using Classify = std::function<StatusOr<std::optional<int32_t>>(Source)>;

/// Copies what some values need into a program of its own.
class Extractor {
 public:
  /// `keepsControl` says which nodes of control edges come along. Each copied node takes 1 from `budget`.
  Extractor(const Program& outer, Classify classify, std::function<bool(int32_t)> keepsControl, int64_t& budget)
      : outer_(outer), classify_(std::move(classify)), keepsControl_(std::move(keepsControl)), budget_(budget) {}

  /// The program that gives these values. Called once. Errors: those of `classify`, KILN-G0507 beyond the budget.
  StatusOr<std::shared_ptr<Program>> run(const std::vector<Source>& results);
  /// Gives the program `count` parameters; those that it does not use too.
  void finishParameters(size_t count);

 private:
  int32_t parameter(int32_t index);
  StatusOr<int32_t> copyNode(int32_t node);
  StatusOr<Source> copyOf(Source source);

  const Program& outer_;
  Classify classify_;
  std::function<bool(int32_t)> keepsControl_;
  int64_t& budget_;
  std::shared_ptr<Program> program_ = std::make_shared<Program>();
  std::unordered_map<int32_t, int32_t> copies_, parameters_;
  std::vector<int32_t> open_;
};

/// Numbers the values that bodies capture, from `first` on.
class Captures {
 public:
  explicit Captures(size_t first) : first_(first) {}
  int32_t numberOf(Source source);
  const std::vector<Source>& sources() const { return sources_; }
  size_t count() const { return first_ + sources_.size(); }

 private:
  size_t first_;
  std::map<Source, int32_t> numbers_;
  std::vector<Source> sources_;
};

/// KILN-G0507 for a node whose branches and loops expand to too many nodes.
Status expandsTooFar(const ProgramNode& node);

/// Nodes of nested bodies are copied once a level, and the condition of a loop shares nodes with its body.
inline constexpr int64_t kMostExtractedNodes = 200'000;

}  // namespace kiln::tensorflow
