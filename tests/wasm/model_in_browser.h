// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Graphs that run in a browser through tools/wasm/kiln.js.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "proto/base/tensor.h"
#include "tests/wasm/browser.h"

namespace kiln::wasm_tests {

/// The module of `entries` (none: all), which are entries of the graph. Errors: those of the compiler.
StatusOr<std::vector<uint8_t>> moduleOf(const Graph& graph, const std::vector<std::string>& entries = {});
/// The module of an entry that is not the graph's.
StatusOr<std::vector<uint8_t>> moduleOf(const Graph& graph, const Entry& entry);

/// One run of an entry.
struct Step {
  std::string entry;
  std::map<std::string, Tensor> feeds;
};

/// What became of it: fetches, or an error.
struct Outcome {
  std::map<std::string, Tensor> fetches;
  std::string errorId, errorText, errorNode;
};

/// A module, and what is run with it, one after another.
struct Job {
  std::vector<uint8_t> module;
  std::vector<Step> steps;
};

/// Runs the jobs in one page; gives for each job the outcomes of its steps.
StatusOr<std::vector<std::vector<Outcome>>> runInBrowser(Browser& browser, const std::vector<Job>& jobs);

/// Puts a page into the browser that has the loader as `Kiln` and `KilnError`, and `bytes` as `modules`, an array of
/// Uint8Arrays: for expressions of the test.
Status openLoader(Browser& browser, const std::vector<std::vector<uint8_t>>& modules);

std::string toBase64(std::string_view bytes);
std::string fromBase64(std::string_view text);

}  // namespace kiln::wasm_tests
