// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The compiler as a source of executables.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/pipelines/compile.h"
#include "graph/ir/graph.h"
#include "graph/ir/taps.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// Compiles entries of one graph on demand and keeps the results. Thread-safe: different requests compile side by side,
/// equal ones wait for the first. One compilation serves every size of the symbolic dimensions.
class JitSource : public ExecutableSource, public std::enable_shared_from_this<JitSource> {
 public:
  /// Fills in the model. Variables without a weight are given the value that `init` computes for them when that is
  /// little work. Errors: those of evaluating `init`.
  static StatusOr<std::shared_ptr<JitSource>> create(const Graph& graph, CompileOptions options);

  const ModelInfo& model() const override { return model_; }
  /// Errors: KILN-G0031 to G0035 for names that the graph does not have or that do not fit each other, KILN-R0001 for
  /// an unknown entry, and those of compileEntry(); failures are not kept. `dims` are not looked at.
  StatusOr<std::shared_ptr<const Executable>> find(const ExecutableRequest& request,
                                                   std::span<const int64_t> dims) override;

  /// With dims, of which the request's executable must be there already, compiles code for just these sizes on a thread
  /// of low priority, which calls `done`; one such compilation at a time in a process, and the source lives until it
  /// ends. `done` is not called when the process ends first. The code is not kept here. Errors: as find(), and
  /// KILN-R0006 when the dims do not belong to the request.
  void findAsync(const ExecutableRequest& request, std::span<const int64_t> dims,
                 std::function<void(StatusOr<std::shared_ptr<const Executable>>)> done) override;
  bool specializes() const override { return options_.dims.empty(); }
  SourceStatistics statistics() const override;

  /// What the compilations so far reported, by request.
  std::map<std::string, CompileReport> reports() const;

 private:
  struct Slot {
    bool isRunning = false;
    std::shared_ptr<const Executable> executable;
  };
  JitSource(const Graph& graph, CompileOptions options) : graph_(graph), options_(std::move(options)) {}
  StatusOr<TappedEntry> entryFor(const ExecutableRequest& request) const;
  std::string endpointOf(const std::string& name, bool isFeed) const;
  StatusOr<std::shared_ptr<const Executable>> compile(const ExecutableRequest& request, const CompileOptions& options,
                                                      CompileReport* report);
  StatusOr<std::shared_ptr<const Executable>> specialize(const ExecutableRequest& request,
                                                         std::span<const int64_t> dims);

  const Graph graph_;
  const CompileOptions options_;
  ModelInfo model_;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  std::map<std::string, Slot> slots_;             // guarded by mutex_
  std::map<std::string, CompileReport> reports_;  // guarded by mutex_
  SourceStatistics statistics_;                   // guarded by mutex_
};

}  // namespace kiln::compiler
