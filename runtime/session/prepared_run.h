// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is behind a Callable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/abi/kiln_abi.h"
#include "runtime/memory/aligned_buffer.h"
#include "runtime/memory/lease_pool.h"
#include "runtime/session/callable.h"
#include "runtime/session/executable.h"
#include "runtime/session/run_memory.h"
#include "runtime/session/signature.h"
#include "runtime/session/specializer.h"
#include "runtime/session/variables.h"

namespace kiln::runtime {

/// An executable bound to a session's variables. Thread-safe.
class PreparedRun {
 public:
  /// `where` names the run in errors; `print` takes the lines of print ops, or is empty for stderr. Errors: KILN-R0006
  /// when the manifest does not fit the code or the variables.
  static StatusOr<std::shared_ptr<PreparedRun>> create(std::shared_ptr<const Executable> executable,
                                                       std::shared_ptr<VariableStore> variables, int maxThreads,
                                                       const std::string& where,
                                                       std::function<void(std::string_view)> print = {});

  /// Asks for code for sizes that come for the `after`th time, and runs it when it is there. To be called before the
  /// first run, at most once.
  void specialize(int after, Specializer::Ask ask);
  /// Null without symbols or when never told to specialise.
  const Specializer* specializer() const { return specializer_.get(); }

  const EntryManifest& manifest() const { return executable_->manifest; }
  Status run(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options);
  /// How many runs were ever under way at once.
  size_t numFrames() const { return frames_.size(); }

 private:
  // What one run under way needs. Variables and constants keep their places, so their addresses are filled in once.
  struct Frame {
    kiln_context_t context{};
    RunMemory host;
    std::vector<void*> buffers;
    std::vector<int64_t> symbols;
    std::vector<int64_t> feedBytes;
    std::vector<int64_t> dims;
    std::vector<int64_t> found;  // a kiln_found_t and its lengths for each fetch whose size the run finds
    AlignedBuffer arena;
  };
  // Holds the entry's variables in the order that keeps two runs from waiting for each other.
  class HeldVariables;
  struct Use {
    FairRwLock* lock;
    bool written;
  };

  PreparedRun() = default;
  std::unique_ptr<Frame> makeFrame() const;
  Status bindFetch(size_t index, std::span<const TensorView> feeds, Frame& frame, Tensor& out,
                   std::vector<Tensor>& replaced) const;
  // The fetches whose sizes the run has found, out of its memory.
  Status takeFound(const Frame& frame, std::span<Tensor> fetches) const;
  void printValue(int32_t node, const TensorView& x, int64_t maxElements) const;
  // What the code returned; `flag` is the one that it looked at.
  kiln_status_t call(Frame& frame, const std::atomic<int32_t>* flag);
  Status wrongFeedCount(size_t found) const;
  Status wrongFetchCount(size_t found) const;

  std::shared_ptr<const Executable> executable_;
  std::shared_ptr<VariableStore> variables_;
  std::optional<Signature> signature_;  // always there; refers to the executable's manifest
  kiln_entry_t entry_{};
  std::shared_ptr<Specializer> specializer_;
  std::vector<Use> uses_;  // in rising index of the variables
  size_t firstFetch_ = 0;  // index of the first fetch's buffer
  size_t foundSlots_ = 0;  // of Frame::found
  int maxThreads_ = 1;
  std::function<void(std::string_view)> print_;
  LeasePool<Frame> frames_;
};

}  // namespace kiln::runtime
