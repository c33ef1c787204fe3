// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Errors with the user's line and node, and many errors as one status.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

/// `kiln.matmul 'decoder/proj'`
std::string describe(const Node& node);

/// Puts place and subject around an error of makeError(): `model.cc:41: error: [KILN-G0107] kiln.matmul 'proj': text`.
/// An unknown place is left out, an empty subject too.
Status diagnose(const Status& status, const SourceLocation& where, std::string_view subject = "");

/// The same status with another line below: `model.cc:37: note: text`. An unknown place adds nothing.
Status withNote(const Status& status, const SourceLocation& where, std::string_view text);

/// Collects errors, equal ones once.
class ErrorList {
 public:
  void add(Status status);
  bool empty() const { return errors_.empty(); }
  size_t size() const { return errors_.size(); }
  /// Whether further errors would only be counted: whoever checks unknown input may stop.
  bool isFull() const;
  /// OK, the only error, or all errors, each on a line of its own, with the code and id of the first.
  Status status() const;

 private:
  std::vector<Status> errors_;
};

}  // namespace kiln
