// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A session over a graph, compiled in this process.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "compiler/pipelines/options.h"
#include "graph/ir/graph.h"
#include "runtime/session/session.h"

namespace kiln {

struct JitOptions {
  std::string device = "cpu";
  int threads = 0;  ///< The most threads that one run uses; 0 for as many as the machine has.
  /// Code for sizes that come back often is compiled in the background; see SessionOptions.
  int specializeAfter = SessionOptions{}.specializeAfter;
  compiler::CompileOptions compile = {};
  std::function<void(std::string_view line)> print = {};  ///< As SessionOptions::print.
};

/// Creates a session that compiles what it is asked to run, once for each entry or set of feeds, fetches and targets.
/// Variables start from the graph's weights, those without from the entry `init`. The graph may go away. Errors:
/// KILN-C0801 for an unknown device, KILN-C0501 for an unknown target; those of Session::create.
StatusOr<Session> createSession(const Graph& graph, JitOptions options = {});

}  // namespace kiln
